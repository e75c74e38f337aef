"""What is written beside the findings in the Dataset tab."""

from __future__ import annotations

from explain.dataset.findings import Findings
from explain.interface.tabs.form import escaped
from explain.visualization.colors import legend
from explain.visualization.findings import label_of

WORDS = "Mean effect of each word over the rows in which it stands, with its 95 % interval: those that push towards the class on top."
ERRORS = (
    "Among rows of one label: how a word's effect differs between wrong and right answers, with Welch's 95 % interval. Effects are towards "
    "what was explained, which in wrong answers is another class where no target was given."
)
CUES = (
    "Words that push towards a class in rows of *other* labels too. Framed and called **spurious** are those that the labels do not bear "
    "out: where the model calls such a row the class, it is surer than right, more than in rows without the word."
)
SLICES = (
    "What the rows with each keyword, and those of each slice, have: the mean effect of the words that put a row there, the explained "
    "score and the share of right answers, with 95 % intervals, and what differs between slices of one class (Welch's test)."
)
METHODS = (
    "How faithful each method is on these texts (where that was measured), how far they agree, and two of them, or two runs, side by side."
)
HEADS = "How far the explained score falls without each head, over all rows."
NONE = {
    "words": "**No word stands in enough rows.** Give more texts.",
    "errors": "**No word stands in enough wrong and in enough right answers to rows of this label.** Choose another, or give more texts.",
    "cues": "**No word surely pushes towards a class regardless of the label.**",
    "slices": "**None was asked for:** give keywords or slices on the left.",
    "heads": "**Not known:** choose the method *Head ablation* too.",
}
"""What is said where there is nothing to draw."""
EXAMPLES = "The texts behind a number, the strongest effect first. *Open* explains a text in the first tab, in a window of its own."


def about(found: Findings) -> str:
    """Of what the findings are, in a few sentences."""
    labelled = {key: rows for key, rows in found.answers.items() if key[0] is not None}
    right = sum(rows for (label, said), rows in labelled.items() if label == said)
    said = [f"**{found.rows:,} rows**" + (f", {found.refused:,} refused" if found.refused else "")]
    if labelled:
        said.append(f"{right:,} of {sum(labelled.values()):,} answered as labelled")
    spurious = list(dict.fromkeys(f"*{escaped(one.word)}* for {escaped(one.target)}" for one in found.spurious))
    said.append(f"Spurious: {', '.join(spurious)}" if spurious else "No spurious cue")
    lines = [". ".join(said) + "."]
    if found.labels:
        lines.append(legend("the class", signed=label_of(found, found.methods[0]).signed))
    return "\n\n".join([" ".join(lines), *(escaped(note) for note in found.notes)])
