"""From what a visitor wants to see inside a model to reports."""

from __future__ import annotations

from collections.abc import Sequence

from explain.explainer import TokenExplainer
from explain.inside.critical_heads import AblatedAttribution, ablated_attribution
from explain.inside.report import AblationReport, LayerReport, TextsReport, ablation_over_texts, ablation_report, layer_report
from explain.interface.work.explaining import asked
from explain.interface.zero_gpu import on_gpu
from explain.methods.attention import AttentionWeights
from explain.methods.catalog import make_methods
from explain.methods.head_ablation import Ablation, Head
from explain.results import Attribution, Explanation
from explain.sharing.request import Request


@on_gpu
def attended(request: Request) -> Attribution:
    """All attention weights; of a sequence task those for the last output token."""
    with asked(request) as analysis:
        return analysis.single().run(AttentionWeights())


@on_gpu
def ablated(request: Request, off: Ablation, step: int | None = None) -> AblationReport:
    """Heads off and layers skipped; of a sequence task for one output token, the last if left out."""
    with asked(request) as analysis:
        return ablation_report(analysis.model, analysis.single(step).questions[0], off)


@on_gpu
def without_head(request: Request, head: Head, name: str, off: Ablation, step: int | None = None) -> tuple[AblatedAttribution, Explanation]:
    """A method's scores with a head off, and what they explain."""
    with asked(request) as analysis:
        single = analysis.single(step)
        method = make_methods([name], {name: request.options[name]} if name in request.options else {})[0]
        method.check(analysis.model)
        return ablated_attribution(analysis.model, single.questions[0], method, [head], off), single.explanation([])


@on_gpu
def layered(request: Request, step: int | None = None) -> tuple[LayerReport, Explanation]:
    """Layer by layer, and what is explained."""
    with asked(request) as analysis:
        single = analysis.single(step)
        return layer_report(analysis.model, single.questions[0]), single.explanation([])


@on_gpu
def averaged(request: Request, texts: Sequence[str], off: Ablation, seed: int) -> TextsReport:
    """The effect of every head and layer over texts that are asked the same."""
    with TokenExplainer.from_pretrained(request.model, task=request.task) as explainer:
        asked_of = [explainer.ask(text, target=request.target, foil=request.foil, unit=request.unit) for text in texts]
        return ablation_over_texts(explainer.model, [analysis.single().questions[0] for analysis in asked_of], off, seed=seed)
