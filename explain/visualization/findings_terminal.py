"""What a run found as plain lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from explain.dataset.findings.contexts import Concordance
from explain.dataset.findings.found import Effect
from explain.dataset.findings.pairs import SideBySide
from explain.dataset.findings.result import Findings
from explain.visualization.numbers import interval_text, signed
from explain.visualization.terminal import grid, printable

MOST = 8


def findings_lines(found: Findings, *, methods: Sequence[str] | None = None, most: int = MOST) -> str:
    """The strongest of each kind of finding, `most` lines each; words and errors by the chosen methods, or all."""
    own_methods = found.methods if methods is None else methods
    about = " · ".join(printable(str(found.about[name])) for name in ("model", "task") if found.about.get(name))
    said = f"{about} · {found.rows:,} rows" + (f", {found.refused:,} refused" if found.refused else "")
    lines = [said, *(f"Note: {printable(note)}" for note in found.notes)]
    for method, target in dict.fromkeys((one.method, one.target) for one in found.words if one.method in own_methods):
        words = [one for one in found.words if (one.method, one.target) == (method, target)]
        towards, away = ([one for one in words if (one.effect.mean > 0) is side][:most] for side in (True, False))
        rows = [[one.word, *_effect(one.effect), f"{one.q:.1e}"] for one in (*towards, *away)]
        lines += _table(f"{found.titles[method]}: words by their mean effect on {target}", ["word", "mean", "95 %", "rows", "q"], rows)
    for method, label in dict.fromkeys((one.method, one.label) for one in found.errors if one.method in own_methods):
        errors = [one for one in found.errors if (one.method, one.label) == (method, label)][:most]
        rows = [
            [one.word, f"{one.difference:+.3f}", _ends(one.low, one.high), f"{one.wrong.rows}/{one.right.rows}", f"{one.q:.1e}"]
            for one in errors
        ]
        title = f"{found.titles[method]}: effect in wrong minus right answers, label {label}"
        lines += _table(title, ["word", "difference", "95 %", "wrong/right", "q"], rows)
    spurious = [
        [
            one.word,
            one.target,
            found.titles[one.method],
            f"{one.other.mean:+.3f}",
            _ends(one.other.low, one.other.high),
            f"{one.sure:.2f}",
            f"{one.right:.2f}",
            str(one.called),
        ]
        for one in found.spurious
    ]
    heads = ["word", "class", "method", "effect", "95 %", "sure", "right", "rows"]
    lines += _table("Spurious cues: they push in rows of other labels too, and the model is surer there than right", heads, spurious)
    if found.faithfulness is not None:
        own = found.faithfulness
        ranked = [
            [str(own.rank[name]), own.titles[name], f"{float(value.mean):+.3f}", _ends(float(value.low), float(value.high))]
            for name, value in sorted(own.overall.items(), key=lambda item: own.rank[item[0]])
        ]
        lines += _table(f"Faithfulness over {own.texts:,} rows (0 random, 1 best)", ["rank", "method", "mean", "95 %"], ranked)
    frames = found.to_frames()
    for name, title, columns in (
        ("agreement", "Agreement (mean Kendall's tau)", ["method", "other", "tau", "low", "high"]),
        ("heads", "Critical heads", ["group", "layer", "head", "mean", "low", "high", "q"]),
        ("keywords", "Keywords", ["name", "target", "rows", "quantity", "mean", "low", "high"]),
        ("slices", "Slices", ["name", "target", "rows", "quantity", "mean", "low", "high"]),
        ("differences", "Differences between slices", ["first", "second", "target", "quantity", "mean", "low", "high", "p"]),
    ):
        if not frames[name].empty:
            shown = frames[name].head(most) if name == "heads" else frames[name]
            lines += _table(title, columns, [[_cell(value) for value in row] for row in shown[columns].to_numpy().tolist()])
    return "\n".join(lines)


def side_lines(found: SideBySide, *, most: int = MOST) -> str:
    """What differs between two runs or methods."""
    rho = ", ".join(f"{printable(target)} {value:+.2f}" for target, value in found.correlation.items())
    lines = [
        f"{printable(found.first.name)} beside {printable(found.second.name)}: {found.rows:,} rows in both, {found.alone:,} in one alone, "
        f"{found.disagreeing:,} with another prediction.",
        f"Rank correlation of the words' mean effects: {rho or 'none'}.",
    ]
    rows = [
        [pair.word, pair.target, f"{pair.first.mean:+.3f}", f"{pair.second.mean:+.3f}", *_effect(pair.difference), f"{pair.q:.1e}"]
        for pair in found.words[:most]
    ]
    lines += _table("Words that differ most", ["word", "class", "first", "second", "difference", "95 %", "rows", "q"], rows)
    apart = [[str(pair.row), f"{pair.apart:.2f}", "/".join(pair.predictions), pair.text[:60]] for pair in found.apart[:most]]
    return "\n".join([*lines, *_table("Rows that differ most", ["row", "1 - cosine", "predictions", "text"], apart)])


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return ["", f"{title}: none."]
    return ["", printable(title), *grid([heads, *([printable(cell) for cell in row] for row in rows)])]


def _effect(effect: Effect) -> list[str]:
    return [f"{effect.mean:+.3f}", _ends(effect.low, effect.high), str(effect.rows)]


def _ends(low: float, high: float) -> str:
    return interval_text(low, high, ".3f")


def _cell(value: object) -> str:
    return signed(value, ".3f") if isinstance(value, float) else str(value)


def concordance_lines(found: Concordance) -> str:
    """A word in its contexts, one line each, with effect, label and prediction."""
    rows = []
    for line in found.lines:
        left, right = line.context(30)
        rows.append(
            [left.rjust(31), line.word, right, f"{line.effect:+.3f}", line.target, line.label or "", line.prediction, str(line.row)]
        )
    title = f"{found.word} by {found.method}: the strongest {len(rows)} of {found.total} occurrences"
    return "\n".join(_table(title, ["", "", "", "effect", "on", "label", "prediction", "row"], rows)[1:])
