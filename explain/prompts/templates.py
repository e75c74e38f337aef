"""What each filler of a slot, such as the one in "The {doctor|nurse} said that …", does to the score."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from explain.errors import InputError
from explain.evaluation.labels import labels_of
from explain.intervals import SAMPLES
from explain.methods.catalog import make_methods
from explain.methods.method import Method
from explain.prompts.slots import MOST_TEXTS, Filled, Filler, Slot, expand, fill, parse
from explain.prompts.spans import covering
from explain.prompts.template_probe import ProbedText, TemplateProbe
from explain.prompts.typed import position_in

if TYPE_CHECKING:
    from explain.explainer import TokenExplainer


def probe_template(
    explainer: TokenExplainer,
    templates: str | Sequence[str],
    methods: str | Method | Iterable[str | Method] = (),
    *,
    target: str | int,
    samples: int = SAMPLES,
    seed: int = 0,
    **more: Any,
) -> TemplateProbe:
    """What each filler of a slot does to the score of the target, over one or several frames.

    A frame is a template with all its other slots filled. The effect of a filler in a frame is its score minus the mean score of all
    fillers in that frame, so that what the frames do themselves falls out; intervals are over frames.

    Args:
        explainer: What to ask.
        templates: One or several that have the same fillers in the probed slot.
        methods: Whose scores of the filler's tokens are wanted, if any.
        target: What is explained in every text; needed, since each text's own prediction may be another.
        samples: Bootstrap samples.
        seed: Of the bootstrap.
        more: `slot`, `options`, `limit` and fields of `Question` as for `iter_template`.

    Raises:
        InputError: A template is wrong, the slot's fillers differ, there are too many texts, or a text cannot be explained.
        UnsupportedError: A method cannot explain this model.
    """
    return TemplateProbe.of(list(iter_template(explainer, templates, methods, target=target, **more)), samples=samples, seed=seed)


def iter_template(
    explainer: TokenExplainer,
    templates: str | Sequence[str],
    methods: str | Method | Iterable[str | Method] = (),
    *,
    target: str | int,
    slot: int = 0,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    limit: int = MOST_TEXTS,
    **asked: Any,
) -> Iterator[ProbedText]:
    """The texts of `probe_template` one by one, each whole; all templates are checked before the first.

    Args:
        explainer: What to ask.
        templates: One or several that have the same fillers in the probed slot.
        methods: Whose scores of the filler's tokens are wanted, if any.
        target: What is explained in every text.
        slot: Which slot of every template is probed (0-based).
        options: Method name -> option name -> value.
        limit: The most texts in all.
        asked: Other fields of `Question`: foil, unit, position, step.

    Raises:
        InputError: As for `probe_template`.
        UnsupportedError: A method cannot explain this model.
    """
    methods = [methods] if isinstance(methods, str | Method) else list(methods)
    chosen = make_methods(methods, options) if methods else ()
    for method in chosen:
        method.check(explainer.model)
    variants = _variants([templates] if isinstance(templates, str) else templates, slot, limit)

    def probed(frame: str, filler: Filler, filled: Filled) -> ProbedText:
        try:
            analysis = explainer.ask(filled.text, methods=chosen, target=target, **asked)
        except InputError as error:
            raise type(error)(f"{filled.text[:60]!r}: {error}") from error
        moved = position_in(filled.text, analysis.encoding.text, str(analysis.model.tokenizer.mask_token))
        tokens = list(covering(analysis.encoding.tokens, moved(filler.start), moved(filler.end)))
        attributions = [analysis.run(method) for method in chosen]
        return ProbedText(
            target=str(target),
            frame=frame,
            filler=filler.text,
            text=filled.text,
            score=sum(score.value() for score in analysis.scores),
            probability=analysis.target.probability,
            labels=labels_of(attributions),
            attributions={a.method: float(a.scores[tokens].sum()) for a in attributions},
        )

    return (probed(*variant) for variant in variants)


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
            same = [index for index, fillers in enumerate(slots) if set(fillers) == set(probed)]
            if not same:
                raise InputError(f"Template {number} has no slot with the fillers {', '.join(probed)}. Give all templates the same slot.")
            here = slot if slot in same else same[0]
        if len(variants) + len(expanded) > limit:
            raise InputError(f"The templates have more than {limit} combinations. Give fewer templates or fillers.")
        others = [fillers if index != here else ("",) for index, fillers in enumerate(slots)]
        for chosen in itertools.product(*others):
            frame = fill(pieces, (*chosen[:here], "…", *chosen[here + 1 :])).text
            if any(frame == known for known, _, _ in variants):
                raise InputError(f"The frame {frame!r} comes twice. Give each template once.")
            for filler in probed:
                filled = fill(pieces, (*chosen[:here], filler, *chosen[here + 1 :]))
                variants.append((frame, filled.fillers[here], filled))
    return variants
