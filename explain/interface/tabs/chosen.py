"""The numbers of the token that was chosen."""

from __future__ import annotations

from explain.interface.tabs.answer import Seen
from explain.interface.tabs.form import code, escaped
from explain.results import Explanation
from explain.tokens import Word


def chosen_token(seen: Seen, column: int | None) -> str:
    """Its score and rank in every method, and what it attends to, as Markdown."""
    if column is None:
        return "That is white space. Choose a token."
    explanation, columns = seen.explanation, seen.columns
    group = columns.groups[column]
    pieces = ", ".join(code(explanation.tokens[i].piece) for i in group.indices)
    scores = {a.title: columns.scores(a.scores) for a in explanation}
    ranks = {title: int((abs(values) > abs(values[column])).sum()) + 1 for title, values in scores.items()}
    lines = [f"| **{escaped(group.text)}** ({pieces}) | {' | '.join(map(escaped, scores))} |", f"| --- |{' ---: |' * len(scores)}"]
    lines.append(f"| score | {' | '.join(f'{values[column]:+.4g}' for values in scores.values())} |")
    lines.append(f"| rank of {len(columns.groups)} | {' | '.join(map(str, ranks.values()))} |")
    return "\n".join([*lines, "", *_attends(explanation, group)])


def _attends(explanation: Explanation, group: Word) -> list[str]:
    """What it attends to most, averaged over layers and heads."""
    maps = next((a.maps for a in explanation if a.method == "attention" and a.maps), {})
    name = "encoder" if "encoder" in maps else "self" if "self" in maps else None
    if name is None or group.indices[-1] >= maps[name].shape[2]:
        return []
    weights = maps[name].mean((0, 1))[list(group.indices)].mean(0)
    best = (-weights).argsort()[:3]
    seen = ", ".join(f"“{escaped(explanation.tokens[i].label)}” ({weights[i]:.2f})" for i in best)
    return [f"It attends most to {seen}, on average over layers and heads."]
