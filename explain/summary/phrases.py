"""The words that each task has for what a word of the text did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from explain.summary.claims import Asked
from explain.summary.style import Style


@dataclass(frozen=True)
class Phrases:
    """What a sentence says after the words that it is about.

    Attributes:
        towards: They had a positive score.
        away: They had a negative score.
        pro: Positive, without a verb.
        contra: Negative, without a verb, once the target was named.
        back: Positive, without a verb, once the target was named.
        made: They made the prediction.
        turned: They turned it to an answer.
        counted: They counted, in no direction.
        nothing: No word did anything.
    """

    towards: str
    away: str
    pro: str
    contra: str
    back: str
    made: str
    turned: Callable[[str], str]
    counted: str
    nothing: str


@dataclass(frozen=True)
class _Answers:
    """How a task speaks of its answers.

    Attributes:
        quoted: They are words, not labels.
        where: Where the answer stands; of a sequence task with a step, that is told instead.
        thing: What holds the answer.
        made: What made the prediction did; `{}` is the answer.
    """

    quoted: bool
    where: str
    thing: str
    made: str


ANSWERS: Mapping[str, _Answers] = {
    "classification": _Answers(False, "", "it", "made it {}"),
    "masked_lm": _Answers(True, " at the mask", "the mask", "filled the mask with {}"),
    "next_token": _Answers(True, " as the next token", "the next token", "made {} the next token"),
    "span_infilling": _Answers(True, " in the blank", "the blank", "filled the blank with {}"),
    "generation": _Answers(True, " as the output", "the output", "made {} the output"),
}


def phrases(asked: Asked, style: Style) -> Phrases:
    """The words for one question."""
    if asked.task == "embedding":
        return EMBEDDING
    answers = ANSWERS.get(asked.task, ANSWERS["classification"])
    target = style.answer(asked.target, quoted=answers.quoted)
    where, thing = answers.where, answers.thing
    if asked.steps and not asked.whole:
        part = "a passage" if asked.passage else "one token"
        number = part if asked.step is None else f"token {asked.step + 1} of {asked.steps}"
        where, thing = f" as {number} of {thing}", f"{number} of {thing}"
    elif asked.whole and asked.steps > 1:
        where += ", taken as a whole"
    if asked.foil is None:
        towards, away, contra, back, question = f"for {target}", f"against {target}", "against it", "for it", target
    else:
        foil = style.answer(asked.foil, quoted=answers.quoted)
        towards, away, contra, back = f"for {target} rather than {foil}", f"for {foil} rather than {target}", f"for {foil}", f"for {target}"
        question = f"{target} rather than {foil}"
    return Phrases(
        towards=f"spoke {towards}{where}",
        away=f"spoke {away}{where}",
        pro=f"for {target}",
        contra=contra,
        back=back,
        made=answers.made.format(target),
        turned=lambda answer: f"turned {thing} to {style.answer(answer, quoted=answers.quoted)}",
        counted=f"counted most for {question}{where}",
        nothing=f"no word moved the score of {question}{where}",
    )


EMBEDDING = Phrases(
    towards="pulled the text’s vector along its direction",
    away="pulled the text’s vector away from its direction",
    pro="along the vector’s direction",
    contra="away from it",
    back="along it",
    made="gave the text’s vector its direction",
    turned=lambda answer: "turned the text’s vector",
    counted="counted most for the direction of the text’s vector",
    nothing="no word moved the text’s vector along its direction",
)
