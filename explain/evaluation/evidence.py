"""Sentences whose evidence is known: subject-verb agreement with attractors, and planted keywords. All written for this test."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from explain.errors import UnsupportedError
from explain.models.explained_model import ExplainedModel
from explain.types import Question

Frame = tuple[tuple[str, str], str, tuple[str, str], str]
# subject (singular, plural), what joins it to the attractor, attractor (singular, plural), what follows the verb
FRAMES: tuple[Frame, ...] = (
    (("key", "keys"), "to the", ("cabinet", "cabinets"), "on the table"),
    (("picture", "pictures"), "of the", ("child", "children"), "on the wall"),
    (("letter", "letters"), "from the", ("lawyer", "lawyers"), "in the drawer"),
    (("road", "roads"), "to the", ("village", "villages"), "closed in winter"),
    (("book", "books"), "about the", ("war", "wars"), "very long"),
    (("window", "windows"), "of the", ("house", "houses"), "open all night"),
    (("teacher", "teachers"), "of the", ("boy", "boys"), "late again"),
    (("ship", "ships"), "near the", ("island", "islands"), "old and slow"),
    (("song", "songs"), "about the", ("girl", "girls"), "known everywhere"),
    (("door", "doors"), "of the", ("room", "rooms"), "painted white"),
    (("report", "reports"), "on the", ("accident", "accidents"), "not finished"),
    (("friend", "friends"), "of the", ("doctor", "doctors"), "at the station"),
)
VERBS = ("is", "are")

CARRIERS = (
    "i saw this {} film with my brother on monday",
    "they made a {} movie about the town",
    "it is a {} story about two sisters",
    "the second part has a {} ending",
    "we watched a {} play by a young writer",
    "the {} book was printed again last year",
)
KEYWORDS = {
    "positive": ("wonderful", "brilliant", "excellent", "beautiful"),
    "negative": ("terrible", "awful", "boring", "dreadful"),
}


@dataclass(frozen=True)
class EvidenceItem:
    """A text that is answered because of one word.

    Attributes:
        text: What the model reads.
        target: The right answer.
        foil: The answer it is compared with; `None` where there is none.
        start: First character of the evidence.
        end: One past its last.
        kind: "agreement", "agreement, attractor" (a noun of the other number stands between) or "keyword".
        pair: Sentences of one pair differ in the evidence alone, and with it in the answer.
    """

    text: str
    target: str
    foil: str | None
    start: int
    end: int
    kind: str
    pair: str

    @property
    def question(self) -> Question:
        """What is asked about it."""
        return Question(self.text, self.target, self.foil)


def evidence_items(model: ExplainedModel) -> tuple[EvidenceItem, ...]:
    """The sentences that fit a model's task, in a fixed order.

    Raises:
        UnsupportedError: There are none for the task, or the labels of a classifier are not sentiments.
    """
    task = model.task.name
    if task == "classification":
        return _keywords(model)
    gaps = {
        "masked_lm": (f"{model.tokenizer.mask_token} {{}}.", VERBS),
        "span_infilling": ("<extra_id_0> {}.", VERBS),
        "next_token": ("", tuple(f" {verb}" for verb in VERBS)),
    }
    if task not in gaps:
        known = ", ".join(["classification", *gaps])
        raise UnsupportedError(f"There are no sentences with known evidence for {model.task.title.lower()}. There are for: {known}.")
    end, verbs = gaps[task]
    return tuple(_agreement(frame, number, other, end, verbs) for frame in FRAMES for other, number in itertools.product((0, 1), repeat=2))


def _agreement(frame: Frame, number: int, other: int, end: str, verbs: tuple[str, ...]) -> EvidenceItem:
    subjects, joined, attractors, rest = frame
    start = len("The ")
    text = f"The {subjects[number]} {joined} {attractors[other]} {end.format(rest)}".rstrip()
    kind = "agreement" if number == other else "agreement, attractor"
    return EvidenceItem(
        text, verbs[number], verbs[1 - number], start, start + len(subjects[number]), kind, f"{subjects[0]}, {attractors[other]}"
    )


def _keywords(model: ExplainedModel) -> tuple[EvidenceItem, ...]:
    labels = [model.task.candidate_text(model, index) for index in range(_label_count(model))]
    found = {feeling: next((label for label in labels if label.casefold().startswith(feeling[:3])), None) for feeling in KEYWORDS}
    if None in found.values():
        raise UnsupportedError(
            f"The planted keywords are words of feeling, but the labels of {model.name} are {', '.join(labels)}. "
            "Choose a classifier with the labels negative and positive."
        )
    items = []
    for carrier, number in itertools.product(CARRIERS, range(4)):
        for feeling, label in found.items():
            word = KEYWORDS[feeling][number]
            start = carrier.index("{")
            items.append(EvidenceItem(carrier.format(word), str(label), None, start, start + len(word), "keyword", f"{carrier} {number}"))
    return tuple(items)


def _label_count(model: ExplainedModel) -> int:
    return len(model.ask("a")[0].candidates)
