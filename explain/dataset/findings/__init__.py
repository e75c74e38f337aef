"""What a run found: words, errors, spurious cues, agreement, faithfulness, heads, slices, and the texts behind all of them."""

from __future__ import annotations

from explain.dataset.findings.beside import side_by_side
from explain.dataset.findings.contexts import Concordance, Line, behind, concordance
from explain.dataset.findings.cues import Cue
from explain.dataset.findings.errors import ErrorWord
from explain.dataset.findings.finding import findings
from explain.dataset.findings.found import Effect
from explain.dataset.findings.pairs import SideBySide
from explain.dataset.findings.result import Findings
from explain.dataset.findings.slice import Slice
from explain.dataset.findings.where import Place, Where
from explain.dataset.findings.words import WordEffect

__all__ = [
    "Concordance",
    "Cue",
    "Effect",
    "ErrorWord",
    "Findings",
    "Line",
    "Place",
    "SideBySide",
    "Slice",
    "Where",
    "WordEffect",
    "behind",
    "concordance",
    "findings",
    "side_by_side",
]
