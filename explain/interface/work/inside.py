"""From what a visitor wants to see inside a model to reports."""

from __future__ import annotations

from collections.abc import Sequence

from explain.inside.critical_heads import AblatedAttribution, ablated_attribution
from explain.inside.report import CURVE_HEADS, AblationReport, LayerReport, TextsReport, ablation_over_texts, ablation_report, layer_report
from explain.interface.limits import limits
from explain.interface.work.budget import ask, check_passes, passes_of
from explain.interface.work.explaining import analysis_of, explainer_of
from explain.interface.zero_gpu import on_gpu
from explain.methods.attention import AttentionWeights
from explain.methods.catalog import make_methods
from explain.methods.head_ablation import Ablation, Head, HeadAblation
from explain.methods.layer_ablation import LayerAblation
from explain.methods.value_zeroing import ValueZeroing
from explain.results import Attribution, Explanation
from explain.sharing.request import Request
from explain.types import Question

SWITCHED = (HeadAblation(), LayerAblation())


@on_gpu
def read_attention(request: Request) -> Attribution:
    """All attention weights; of a sequence task those for the last output token."""
    with analysis_of(request) as analysis:
        return analysis.single().run(AttentionWeights())


@on_gpu
def ablate(request: Request, off: Ablation, step: int | None = None) -> AblationReport:
    """Heads off and layers skipped; of a sequence task for one output token, the last if left out."""
    with analysis_of(request) as analysis:
        single = analysis.single(step)
        check_passes(passes_of(SWITCHED, single) + CURVE_HEADS)
        return ablation_report(single.scores[0], off)


@on_gpu
def explain_without(
    request: Request, head: Head, name: str, off: Ablation, step: int | None = None
) -> tuple[AblatedAttribution, Explanation]:
    """A method's scores with all heads on and with one off, and what they explain."""
    with analysis_of(request) as analysis:
        single = analysis.single(step)
        (method,) = make_methods([name], {name: request.options[name]} if name in request.options else {})
        method.check(analysis.model)
        check_passes(2 * passes_of([method], single))
        return ablated_attribution(single.scores[0], method, [head], off), single.explanation([])


@on_gpu
def read_layers(request: Request, step: int | None = None) -> tuple[LayerReport, Explanation]:
    """Layer by layer, and what is explained."""
    with analysis_of(request) as analysis:
        single = analysis.single(step)
        check_passes(passes_of([ValueZeroing()], single))
        return layer_report(single.scores[0]), single.explanation([])


@on_gpu
def ablate_over_texts(request: Request, texts: Sequence[str], off: Ablation, seed: int = 0) -> TextsReport:
    """The effect of every head and layer over texts of which the same is asked."""
    common = {name: value for name, value in request.question.given.items() if name != "text"}
    with explainer_of(request) as explainer:
        limits().check("texts", len(texts), "Give fewer texts.")
        longest = ask(explainer, Question(max(texts, key=len, default=""), **common)).single()
        check_passes(len(texts) * passes_of(SWITCHED, longest))
        scores = [ask(explainer, Question(text, **common)).single().scores[0] for text in texts]
        return ablation_over_texts(scores, off, seed=seed)
