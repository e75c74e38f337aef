"""Several prompts: compared, aligned, paired, searched for keywords, filled from templates. A prompt is a `Question`."""

from __future__ import annotations

from explain.prompts.alignment import Alignment, align, aligned_scores
from explain.prompts.answers import compare_answers
from explain.prompts.comparison import PromptComparison, PromptResult, compare_prompts, iter_prompts
from explain.prompts.keywords import KeywordTracking, track_keywords
from explain.prompts.minimal_pair import Change, MinimalPair, minimal_pair
from explain.prompts.paired import PairedDifference, concentration, method_difference, score_difference
from explain.prompts.reading import read_csv, read_prompts
from explain.prompts.slots import Filled, Filler, Slot, expand, parse
from explain.prompts.spans import KeywordSpan, find
from explain.prompts.template_probe import ProbedText, TemplateProbe
from explain.prompts.templates import iter_template, probe_template

__all__ = [
    "Alignment",
    "Change",
    "Filled",
    "Filler",
    "KeywordSpan",
    "KeywordTracking",
    "MinimalPair",
    "PairedDifference",
    "ProbedText",
    "PromptComparison",
    "PromptResult",
    "Slot",
    "TemplateProbe",
    "align",
    "aligned_scores",
    "compare_answers",
    "compare_prompts",
    "concentration",
    "expand",
    "find",
    "iter_prompts",
    "iter_template",
    "method_difference",
    "minimal_pair",
    "parse",
    "probe_template",
    "read_csv",
    "read_prompts",
    "score_difference",
    "track_keywords",
]
