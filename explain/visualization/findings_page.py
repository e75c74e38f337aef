"""What a run found as one HTML file that needs nothing else: every number with its interval, and the texts behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from explain.dataset.findings.contexts import Line
from explain.dataset.findings.found import Effect, WordFinding
from explain.dataset.findings.heads import HeadEffects
from explain.dataset.findings.pairs import SideBySide
from explain.dataset.findings.result import Findings
from explain.evaluation.agreement import Measure
from explain.intervals import Interval
from explain.visualization.document import Html, document, table, text_of
from explain.visualization.findings_parts import Links, differences_table, effect_bar, examples_of, matrix_table, quantity_title
from explain.visualization.numbers import interval_text, signed

_STYLE = """
td svg { vertical-align: middle } .cell { text-align: center; min-width: 3rem } .effect { text-align: left }
details { margin: .2rem 0 } summary { cursor: pointer } ul { margin: .3rem 0; padding-left: 1.2rem } li { overflow-wrap: anywhere }
mark { padding: 0 .1rem; border-radius: .2rem } .spurious { color: #c2185b; font-weight: 600 } .fine { font-size: .85rem; color: #444 }
"""
EFFECT = "Mean over rows, with its 95 % interval; a row counts once however often the word stands in it."
CUES = (
    "Words that push towards a class in rows of other labels too. Spurious are those that the labels do not bear out: where the model "
    "calls such a row the class, it is surer than right, more than elsewhere."
)


def findings_page(
    found: Findings,
    examples: Mapping[int, Sequence[Line]] | None = None,
    *,
    other: SideBySide | None = None,
    link: Links | None = None,
) -> str:
    """A standalone HTML5 document.

    Args:
        found: What to show.
        examples: Lines of a finding, by its number among words, errors and cues, one after the other.
        other: What differs from another run or between two methods.
        link: Where each example can be opened.
    """
    lines = examples or {}
    about = found.about
    title = f"Findings: {about.get('model') or 'a run'}, {found.rows:,} rows"
    numbered = iter(range(len(found.words) + len(found.errors) + len(found.cues)))

    def texts(one: WordFinding) -> list[str]:
        return examples_of(one, lines.get(next(numbered), ()), link)

    body = [
        f"<h1>{text_of(title)}</h1>",
        _about(found),
        *(f"<p>{text_of(note)}</p>" for note in found.notes),
        "<h2>Words</h2>",
        f"<p>{_legend(found)} {EFFECT}</p>",
        *_words(found, texts),
        "<h2>Errors</h2>",
        *_errors(found, texts),
        "<h2>Spurious cues</h2>",
        f"<p>{CUES}</p>",
        *_cues(found, texts),
        "<h2>Methods</h2>",
        *_methods(found),
    ]
    if found.heads is not None:
        body += ["<h2>Heads</h2>", *_heads(found.heads)]
    if found.keywords or found.slices:
        body += ["<h2>Keywords and slices</h2>", *_slices(found)]
    if other is not None:
        body += ["<h2>Side by side</h2>", *_side(other)]
    return document(title, body, style=_STYLE)


def _about(found: Findings) -> str:
    facts = {name: value for name, value in found.about.items() if value is not None}
    facts |= {
        "rows": f"{found.rows:,}",
        "refused": f"{found.refused:,}",
        "counted": ", ".join(f"{k} {v}" for k, v in found.counted.items()),
    }
    return table("What was run", ["", ""], [[name, str(value)] for name, value in facts.items()])


def _legend(found: Findings) -> str:
    parts = []
    if any(label.signed for label in found.labels):
        parts.append("Orange pushes towards the class, blue away from it.")
    if not all(label.signed for label in found.labels):
        parts.append("Violet is weight without a direction.")
    return " ".join(parts)


def _words(found: Findings, texts: Callable[[WordFinding], list[str]]) -> list[str]:
    body: list[str] = []
    for method, target in dict.fromkeys((one.method, one.target) for one in found.words):
        own = [one for one in found.words if (one.method, one.target) == (method, target)]
        directed = next(label.signed for label in found.labels if label.name == method)
        widest = max(abs(end) for one in own for end in (one.effect.mean, one.effect.low, one.effect.high) if end == end)
        rows = [[one.word, effect_bar(one.effect, widest, directed), *_said(one.effect), f"{one.q:.2g}"] for one in own]
        body.append(f"<h3>{text_of(f'{found.titles[method]}, {target}')}</h3>")
        body.append(table(f"Words by their effect on {target}", ["Word", "Effect", "Mean", "95 % interval", "Rows", "q"], rows))
        body += [part for one in own for part in texts(one)]
    return body or ["<p>No word stands in enough rows.</p>"]


def _errors(found: Findings, texts: Callable[[WordFinding], list[str]]) -> list[str]:
    body: list[str] = []
    for method, label in dict.fromkeys((one.method, one.label) for one in found.errors):
        own = [one for one in found.errors if (one.method, one.label) == (method, label)]
        rows = [
            [
                one.word,
                signed(one.difference),
                interval_text(one.low, one.high),
                f"{one.wrong.mean:+.3g} ({one.wrong.rows})",
                f"{one.right.mean:+.3g} ({one.right.rows})",
                f"{one.q:.2g}",
            ]
            for one in own
        ]
        heads = ["Word", "Wrong minus right", "95 % interval", "Wrong (rows)", "Right (rows)", "q"]
        body.append(f"<h3>{text_of(f'{found.titles[method]}, label {label}')}</h3>")
        body.append(table(f"Words in wrong and right answers to rows of label {label}", heads, rows))
        body += [part for one in own for part in texts(one)]
    return body or ["<p>No word stands in enough wrong and right answers of one label.</p>"]


def _cues(found: Findings, texts: Callable[[WordFinding], list[str]]) -> list[str]:
    if not found.cues:
        return ["<p>No word pushes towards a class regardless of the label.</p>"]
    rows = [
        [
            one.word,
            found.titles[one.method],
            one.target,
            Html('<span class="spurious">spurious</span>') if one.spurious else "",
            f"{one.other.mean:+.3g} ({one.other.rows})",
            f"{one.own.mean:+.3g} ({one.own.rows})",
            f"{one.sure:.2f}",
            f"{one.right:.2f}",
            f"{one.q_excess:.2g}",
        ]
        for one in found.cues
    ]
    heads = ["Word", "Method", "Class", "", "Other labels (rows)", "This label (rows)", "Sure", "Right", "q"]
    return [table("Words that push regardless of the label", heads, rows), *(part for one in found.cues for part in texts(one))]


def _methods(found: Findings) -> list[str]:
    body = []
    if found.faithfulness is not None:
        own = found.faithfulness
        rows = [
            [own.titles[name], str(own.rank[name]), f"{float(value.mean):+.3f}", interval_text(float(value.low), float(value.high), ".3f")]
            for name, value in sorted(own.overall.items(), key=lambda item: own.rank[item[0]])
        ]
        said = f"Faithfulness over {own.texts:,} rows: 0 is what random orders reach, 1 the best order found"
        body.append(table(said, ["Method", "Rank", "Mean", "95 % interval"], rows))
    if found.agreement is not None:
        tau = found.agreement.matrices[Measure.KENDALL]
        titles = list(found.agreement.titles.values())
        body.append(
            matrix_table(
                f"Kendall's tau over {found.agreement.texts:,} rows",
                titles,
                titles,
                tau.mean if isinstance(tau, Interval) else tau,
                limit=1.0,
            )
        )
    return body or ["<p>One method, and no faithfulness was recorded.</p>"]


def _heads(found: HeadEffects) -> list[str]:
    body = [f"<p>How far the score falls without each head, over {found.texts:,} rows.</p>"]
    for group, effect in found.effect.items():
        layers, heads = effect.mean.shape
        names = [f"layer {layer}" for layer in range(layers)]
        body.append(matrix_table(f"Attention {group}", names, [f"head {head}" for head in range(heads)], effect.mean))
    best = found.to_frame().head(10).to_dict("records")
    rows = [
        [
            f"{one['group']} layer {one['layer']}, head {one['head']}",
            signed(one["mean"]),
            interval_text(one["low"], one["high"]),
            f"{one['q']:.2g}",
        ]
        for one in best
    ]
    return [*body, table("The most critical heads", ["Head", "Mean", "95 % interval", "q"], rows)]


def _slices(found: Findings) -> list[str]:
    body = []
    for name, parts in (("Keywords", found.keywords), ("Slices", found.slices)):
        rows = [
            [
                one.name,
                one.target,
                f"{one.rows:,}",
                quantity_title(found, kind),
                signed(value.mean),
                interval_text(value.low, value.high),
            ]
            for one in parts
            for kind, value in one.values.items()
        ]
        if rows:
            body.append(table(name, ["Name", "Class", "Rows", "Quantity", "Mean", "95 % interval"], rows))
    return [*body, *differences_table(found)]


def _side(found: SideBySide) -> list[str]:
    rho = ", ".join(f"{target} {value:+.2f}" for target, value in found.correlation.items())
    said = f"{found.rows:,} rows in both, {found.disagreeing:,} with another prediction. Rank correlation of the words: {rho or 'none'}."
    rows = [
        [
            pair.word,
            pair.target,
            signed(pair.first.mean),
            signed(pair.second.mean),
            signed(pair.difference.mean),
            interval_text(pair.difference.low, pair.difference.high),
            str(pair.difference.rows),
            f"{pair.q:.2g}",
        ]
        for pair in found.words
    ]
    heads = ["Word", "Class", found.first.name, found.second.name, "Difference", "95 % interval", "Rows", "q"]
    apart = [[str(pair.row), f"{pair.apart:.2f}", " / ".join(pair.predictions), pair.text] for pair in found.apart]
    return [
        f"<p>{text_of(said)}</p>",
        table("Words that differ most", heads, rows),
        table("Rows that differ most", ["Row", "1 − cosine", "Predictions", "Text"], apart),
    ]


def _said(effect: Effect) -> list[str]:
    return [signed(effect.mean), interval_text(effect.low, effect.high), f"{effect.rows:,}"]
