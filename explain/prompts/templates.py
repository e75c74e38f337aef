"""What each filler of a slot, such as the one in "The {doctor|nurse} said that …", does to the score."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from explain.errors import InputError
from explain.explainer import TokenExplainer
from explain.intervals import SAMPLES, Interval, bootstrap
from explain.methods.catalog import make_methods
from explain.methods.method import Method
from explain.models.tasks.masked_lm import BLANK
from explain.models.tasks.span_infilling import SENTINEL
from explain.prompts.slots import MOST_TEXTS, Filled, Filler, Slot, expand, fill, parse
from explain.prompts.spans import covering
from explain.types import Array, Unit, listed

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Filled", "Filler", "Probe", "Probed", "Slot", "expand", "parse", "probe", "probe_texts", "summarise"]


@dataclass(frozen=True)
class Probed:
    """One filled template and what was found about it.

    Attributes:
        frame: The template with all slots filled but the probed one, which reads "…".
        filler: What stands in the probed slot.
        text: The filled text.
        score: The explained score.
        probability: The target's probability; `None` where the model gives none.
        attributions: Method -> sum of the scores of the filler's tokens.
    """

    frame: str
    filler: str
    text: str
    score: float
    probability: float | None
    attributions: Mapping[str, float]


@dataclass(frozen=True)
class Probe:
    """What the fillers of a slot do to the score of one target.

    Attributes:
        target: What is explained.
        frames: The frames, each filled with every filler.
        fillers: In the order of the first template.
        scores: [frames, fillers] explained scores.
        effects: [frames, fillers] scores minus the mean over all fillers in the same frame.
        effect: Mean of the effects over the frames [fillers] with a bootstrap interval over frames; its ends are NaN with one frame.
        methods: Their names.
        attributions: [methods, frames, fillers] sums of the scores of the filler's tokens.
        attribution: Method -> mean over the frames [fillers] with the same kind of interval.
    """

    target: str
    frames: tuple[str, ...]
    fillers: tuple[str, ...]
    scores: Array
    effects: Array
    effect: Interval
    methods: tuple[str, ...]
    attributions: Array
    attribution: Mapping[str, Interval]

    @property
    def note(self) -> str:
        """How far the means can be trusted, in words."""
        if len(self.frames) == 1:
            return "One frame only: there is no interval. Give more templates to see whether the effect holds in other sentences."
        return f"Means over {len(self.frames)} frames with 95 % bootstrap intervals over the frames."

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return {
            "target": self.target,
            "frames": list(self.frames),
            "fillers": list(self.fillers),
            "scores": listed(self.scores),
            "effects": listed(self.effects),
            "effect": self.effect.to_dict(),
            "methods": list(self.methods),
            "attributions": listed(self.attributions),
            "attribution": {method: interval.to_dict() for method, interval in self.attribution.items()},
            "note": self.note,
        }

    def to_frame(self) -> pd.DataFrame:
        """One row per filler: mean score, effect with its interval, and each method's mean attribution."""
        import pandas as pd

        columns: dict[str, Any] = {
            "filler": self.fillers,
            "score": self.scores.mean(0),
            "effect": self.effect.mean,
            "low": self.effect.low,
            "high": self.effect.high,
        }
        return pd.DataFrame(columns | {method: interval.mean for method, interval in self.attribution.items()})


def probe(
    explainer: TokenExplainer,
    templates: str | Sequence[str],
    methods: Iterable[str | Method] = (),
    *,
    target: str | int,
    slot: int = 0,
    foil: str | int | None = None,
    unit: Unit | str | None = None,
    position: int | None = None,
    step: int | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    limit: int = MOST_TEXTS,
    samples: int = SAMPLES,
    seed: int = 0,
) -> Probe:
    """What each filler of a slot does to the score of the target, over one or several frames.

    A frame is a template with all its other slots filled. The effect of a filler in a frame is its score minus the mean score of all
    fillers in that frame, so that what the frames do themselves falls out; intervals are over frames.

    Args:
        explainer: What to ask.
        templates: One or several that have the same fillers in the probed slot.
        methods: Whose scores of the filler's tokens are wanted, if any.
        target: What is explained in every text; needed, since each text's own prediction may be another.
        slot: Which slot of every template is probed (0-based).
        foil: Explain the target rather than this.
        unit: As for `TokenExplainer.analyze`.
        position: Which mask or blank.
        step: Which output token of a sequence task.
        options: Method name -> option name -> value.
        limit: The most texts in all.
        samples: Bootstrap samples.
        seed: Of the bootstrap.

    Raises:
        InputError: A template is wrong, the slot's fillers differ, there are too many texts, or a text cannot be explained.
        UnsupportedError: A method cannot explain this model.
    """
    found = probe_texts(
        explainer,
        templates,
        methods,
        target=target,
        slot=slot,
        foil=foil,
        unit=unit,
        position=position,
        step=step,
        options=options,
        limit=limit,
    )
    return summarise(list(found), samples=samples, seed=seed, target=str(target))


def probe_texts(
    explainer: TokenExplainer,
    templates: str | Sequence[str],
    methods: Iterable[str | Method] = (),
    *,
    target: str | int,
    slot: int = 0,
    foil: str | int | None = None,
    unit: Unit | str | None = None,
    position: int | None = None,
    step: int | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    limit: int = MOST_TEXTS,
) -> Iterator[Probed]:
    """The texts of `probe` one by one, each whole; all templates are checked before the first. `summarise` puts the results together.

    Raises:
        InputError: As for `probe`.
        UnsupportedError: A method cannot explain this model.
    """
    methods = [methods] if isinstance(methods, str | Method) else list(methods)
    chosen = make_methods(methods, options) if methods else ()
    for method in chosen:
        method.check(explainer.model)
    variants = _variants([templates] if isinstance(templates, str) else templates, slot, limit)

    def probed(frame: str, filler: Filler, filled: Filled) -> Probed:
        try:
            analysis = explainer.ask(filled.text, target=target, foil=foil, unit=unit, position=position, step=step)
        except InputError as error:
            raise type(error)(f"{filled.text[:60]!r}: {error}") from error
        model, encoding = analysis.model, analysis.encoding
        moved = place_in(filled.text, encoding.text, str(model.tokenizer.mask_token))
        tokens = list(covering(encoding.tokens, moved(filler.start), moved(filler.end)))
        return Probed(
            frame=frame,
            filler=filler.text,
            text=filled.text,
            score=sum(score.value() for score in analysis.scores),
            probability=analysis.target.probability,
            attributions={method.name: float(analysis.run(method).scores[tokens].sum()) for method in chosen},
        )

    return (probed(*variant) for variant in variants)


def summarise(results: Sequence[Probed], *, target: str, samples: int = SAMPLES, seed: int = 0) -> Probe:
    """The means over the frames of what `probe_texts` found.

    Raises:
        InputError: There is no result, or a frame lacks a filler.
    """
    frames = tuple(dict.fromkeys(result.frame for result in results))
    fillers = tuple(dict.fromkeys(result.filler for result in results))
    by_place = {(result.frame, result.filler): result for result in results}
    if not results or len(by_place) != len(frames) * len(fillers):
        raise InputError(f"{len(results)} texts do not fill {len(frames)} frames with {len(fillers)} fillers each. Probe them all.")
    table = [[by_place[frame, filler] for filler in fillers] for frame in frames]
    methods = tuple(results[0].attributions)
    scores = np.array([[result.score for result in row] for row in table], dtype=np.float64)
    effects = scores - scores.mean(1, keepdims=True)
    attributions = np.array([[[result.attributions[m] for result in row] for row in table] for m in methods], dtype=np.float64)
    return Probe(
        target=target,
        frames=frames,
        fillers=fillers,
        scores=scores,
        effects=effects,
        effect=bootstrap(effects, samples=samples, seed=seed),
        methods=methods,
        attributions=attributions.reshape(len(methods), *scores.shape),
        attribution={m: bootstrap(values, samples=samples, seed=seed) for m, values in zip(methods, attributions, strict=True)},
    )


def place_in(typed: str, read: str, mask: str) -> Callable[[int], int]:
    """From a place in a text as it was typed to the place in the text as the model reads it.

    The two differ by a prefix of the task, or by the tokenizer's own mask or sentinels in place of blanks.
    """
    if read.endswith(typed):
        return lambda place: place + len(read) - len(typed)
    blanks = [(0, 0), *(match.span() for match in BLANK.finditer(typed)), (len(typed), len(typed))]
    literals = [(before, after) for (_, before), (after, _) in itertools.pairwise(blanks)]
    blank = rf"(?:{re.escape(mask)}|{SENTINEL.pattern})"
    match = re.fullmatch(blank.join(f"({re.escape(typed[start:end])})" for start, end in literals), read)
    if match is None:
        raise InputError(f"The model reads {read!r} for {typed!r}, in which the filler cannot be found.")

    def moved(place: int) -> int:
        number = next(number for number, (_, end) in enumerate(literals) if place <= end)
        return match.start(number + 1) + max(0, place - literals[number][0])

    return moved


def _variants(templates: Sequence[str], slot: int, limit: int) -> list[tuple[str, Filler, Filled]]:
    """(frame, filler of the probed slot, filled template) of all templates, frame by frame, fillers in the first template's order."""
    if not templates:
        raise InputError("No template was given. Give at least one, such as: The {doctor|nurse} was here.")
    probed: tuple[str, ...] = ()
    variants: list[tuple[str, Filler, Filled]] = []
    for number, template in enumerate(templates, 1):
        expanded = expand(template, limit=limit)
        pieces = parse(template)
        slots = [piece.fillers for piece in pieces if isinstance(piece, Slot)]
        if not probed:
            if not 0 <= slot < len(slots):
                raise InputError(f"There is no slot {slot}: the first template has {len(slots)} (counted from 0).")
            probed, here = slots[slot], slot
        else:
            same = [place for place, fillers in enumerate(slots) if set(fillers) == set(probed)]
            if not same:
                raise InputError(f"Template {number} has no slot with the fillers {', '.join(probed)}. Give all templates the same slot.")
            here = slot if slot in same else same[0]
        if len(variants) + len(expanded) > limit:
            raise InputError(f"The templates have more than {limit} combinations. Give fewer templates or fillers.")
        others = [fillers if place != here else ("",) for place, fillers in enumerate(slots)]
        for chosen in itertools.product(*others):
            frame = fill(pieces, (*chosen[:here], "…", *chosen[here + 1 :])).text
            if any(frame == known for known, _, _ in variants):
                raise InputError(f"The frame {frame!r} comes twice. Give each template once.")
            for filler in probed:
                filled = fill(pieces, (*chosen[:here], filler, *chosen[here + 1 :]))
                variants.append((frame, filled.fillers[here], filled))
    return variants
