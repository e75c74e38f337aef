"""Integrated gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module

import torch
from torch import Tensor

from explain.completeness import completeness_gap, completeness_scale
from explain.errors import UnsupportedError
from explain.methods.method import Method, MethodResult
from explain.methods.option import option
from explain.methods.path_integral import Integral, Panel, Path
from explain.models.architectures import is_encoder_decoder
from explain.models.instrumented import InstrumentedModel
from explain.models.memory import passes_again
from explain.models.score import Score
from explain.types import Family

AT_ONCE = 8192
"""Tokens of the vocabulary whose embeddings are summed at once."""
WORST = 0.3
"""Stretches that miss at least this share of what the worst one misses are halved together."""


class Baseline(StrEnum):
    """What stands for an absent token."""

    AUTO = "auto"
    MEAN = "mean"
    ZERO = "zero"
    PAD = "pad"
    MASK = "mask"


@dataclass(frozen=True)
class IntegratedGradients(Method):
    """The gradient averaged on the straight way from a baseline to the text's embeddings, times their difference.

    In units of the score; the scores sum to score(text) - score(baseline). Captum integrates with Gauss-Legendre nodes, `steps` of them
    on the whole way at first. A stretch of the way on which the scores miss the change of the score is halved and integrated again
    with as many nodes on either half, until what they miss is below `tolerance` of the whole difference (where the scores cancel, of a
    tenth of their absolute values' sum), or `maximum_steps` are spent: so norms that jump near the baseline and kinks of activations
    cost nodes only where they are. A gap that stays larger is reported. Source: Sundararajan et al., 2017, arXiv:1703.01365.

    Norms that do not centre (RMSNorm: T5, Llama, Qwen) see only the direction of an embedding, and near the zero vector any small step
    turns the model over: there the gradient means little and costs most nodes. So *auto* is zero for models that centre (LayerNorm:
    BERT, GPT-2) and *mean*, the mean embedding of the vocabulary, for others. On the way from *mean*, decoders turn over once more: their
    first token takes the attention that nothing else wants, if it is there. So, unless it is a special token that stays, the first
    token of a decoder comes first and alone, which needs no integral: its score is the difference that it makes.

    Raises:
        UnsupportedError: The tokenizer has no token for the chosen baseline.
    """

    name = "integrated_gradients"
    title = "Integrated gradients"
    summary = "Shares the difference between the score of the text and of a baseline among the tokens, along the way between them."
    caution = "Depends on the baseline: it explains the text against that, not against nothing."
    reference = "Sundararajan et al. 2017, arXiv:1703.01365"
    family = Family.EXTERNAL
    signed = True
    complete = True

    baseline: Baseline = option(
        Baseline.AUTO,
        "What stands for an absent token: the vocabulary's mean embedding, the zero vector, or the pad or mask token's embedding; "
        "auto is mean for models with RMSNorm, zero for others.",
    )
    keep_special: bool = option(True, "Keep special tokens as they are in the baseline, so that they get no score.")
    steps: int = option(16, "Gauss-Legendre nodes on the whole way, and on each half where they do not suffice.", minimum=5, maximum=640)
    tolerance: float = option(
        1e-3, "Largest relative completeness gap; stretches of the way are halved while it is exceeded.", minimum=1e-6, maximum=1.0
    )
    maximum_steps: int = option(2000, "Most nodes that are spent.", minimum=5, maximum=20_000)

    def prepare(self) -> None:
        import_module("captum.attr")

    def expected_passes(self, score: Score) -> int:
        # A node counts as three; one stretch of the way does for some models, others take up to ten.
        return (5 + passes_again(score.model, len(score.encoding.tokens))) * self.steps

    def compute(self, score: Score) -> MethodResult:
        return self.compute_many([score])[0]

    def compute_many(self, scores: Sequence[Score]) -> list[MethodResult]:
        model = scores[0].model
        kind = self.baseline
        if kind is Baseline.AUTO:
            kind = Baseline.ZERO if _centres(model) else Baseline.MEAN
        absent = absent_embedding(model, kind)
        first_alone = kind is Baseline.MEAN and not is_encoder_decoder(model.model)
        paths = [self._path(number, score, absent, first_alone=first_alone) for number, score in enumerate(scores)]
        integral = Integral(tuple(scores), self.steps)
        integral.start(paths)
        while halved := [(path, panel) for path in paths for panel in self._halved(path)]:
            integral.measure([(path, panel.middle) for path, panel in halved])
            integral.extend([(path, *half) for path, panel in halved for half in panel.halves])
        return [self._result(path) for path in paths]

    def _path(self, number: int, score: Score, absent: Tensor, *, first_alone: bool) -> Path:
        """From the baseline, where special tokens may stay and a decoder's first token may come first and alone."""
        embeddings = score.embeddings()
        baseline = absent.to(embeddings).expand_as(embeddings)
        if self.keep_special:
            special = torch.tensor([token.special for token in score.encoding.tokens], device=embeddings.device)
            baseline = torch.where(special[None, :, None], embeddings, baseline)
        begin = torch.cat([embeddings[:, :1], baseline[:, 1:]], dim=1) if first_alone else baseline
        return Path(number, baseline, begin, embeddings)

    def _result(self, path: Path) -> MethodResult:
        gap = completeness_gap(path.scores, path.output, path.baseline_output)
        return MethodResult(path.scores, path.output, path.baseline_output, gap, self.tolerance)

    def _halved(self, path: Path) -> list[Panel]:
        """Take those stretches off a path that are to be integrated again in halves, as many as can be afforded."""
        if not path.gap > self.tolerance * completeness_scale(path.scores, path.difference):  # nor where it is not a number
            return []
        path.panels.sort(key=lambda panel: -abs(panel.error))
        spent = (2 * len(path.panels) - 1) * self.steps  # a halving integrates two stretches and leaves one more
        affordable = (self.maximum_steps - spent) // (2 * self.steps)
        halved = [panel for panel in path.panels if abs(panel.error) > WORST * abs(path.panels[0].error)][: max(0, affordable)]
        path.panels = path.panels[len(halved) :]
        return halved


def absent_embedding(model: InstrumentedModel, baseline: Baseline) -> Tensor:
    """What stands for an absent token: a number or an embedding, [], [d] or [1, 1, d]."""
    if baseline is Baseline.ZERO:
        return torch.zeros(())
    if baseline is Baseline.MEAN:
        return _mean_embedding(model)
    index = model.tokenizer.pad_token_id if baseline is Baseline.PAD else model.tokenizer.mask_token_id
    if index is None:
        raise UnsupportedError(f"The tokenizer of {model.name} has no {baseline} token. Choose another baseline, such as zero.")
    return model.embed({"input_ids": torch.tensor([[index]])})


def _mean_embedding(model: InstrumentedModel) -> Tensor:
    """Of the tokenizer's vocabulary [d], in pieces of it."""
    pieces = torch.arange(len(model.tokenizer)).split(AT_ONCE)
    return torch.stack([model.embed({"input_ids": piece[None]}).double().sum((0, 1)) for piece in pieces]).sum(0) / len(model.tokenizer)


def _centres(model: InstrumentedModel) -> bool:
    """Whether the model's norms subtract the mean, as torch's LayerNorm does; those of T5, Llama and others do not."""
    norms = [module for module in model.model.modules() if "Norm" in type(module).__name__]
    return not norms or any(isinstance(norm, torch.nn.LayerNorm) for norm in norms)
