"""What the page shows of an explanation, as plain values for components."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

import plotly.graph_objects as go

from explain.evaluation.faithfulness import Faithfulness
from explain.inside.report import AblationReport
from explain.interface.work.explaining import Progress
from explain.methods.catalog import METHODS, method_class
from explain.models.score import margin
from explain.models.truncation import Truncation
from explain.prompts.minimal_pair import Change, MinimalPair
from explain.prompts.templates import Probe
from explain.results import Attribution, Explanation
from explain.sharing.replay import Replay
from explain.tokens import Word
from explain.types import Array
from explain.visualization.ablation import head_name
from explain.visualization.bars import methods_bars
from explain.visualization.colors import Scale, legend
from explain.visualization.heatmaps import methods_heatmap
from explain.visualization.tokens import Shown, column_of, highlighted, shown
from explain.visualization.trust import trust as trusted

HEATMAP, BARS = "heatmap", "bars"
GLIMPSE = 60
MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|~>:/-])")


def status(progress: Progress) -> str:
    """What runs, or what was explained and how long it took."""
    explanation = progress.explanation
    done = len(explanation.attributions)
    if progress.running:
        left = f" · about {progress.left:.0f} s left" if progress.left >= 1 else ""
        return f"⏳ **{progress.running}** is running · {done} done · {progress.seconds:.1f} s{left}"
    name = escaped(margin(explanation.target, explanation.foil))
    return f"Explained **{name}** by {done} method{'s' * (done != 1)} in {progress.seconds:.1f} s."


def prediction(explanation: Explanation) -> dict[str, float]:
    """Candidate -> probability, for a Label; repeated texts keep the first."""
    shown: dict[str, float] = {}
    for candidate in explanation.prediction.candidates:
        if candidate.probability is not None:
            shown.setdefault(candidate.text.strip() or candidate.text, candidate.probability)
    return shown


def headline(explanation: Explanation, cut: Truncation | None = None) -> str:
    """What is explained, how to read the colours, and what the model did not read."""
    name = f"*{escaped(margin(explanation.target, explanation.foil))}*"
    probability = explanation.target.probability
    chance = "" if probability is None else f" (probability {probability:.3g})"
    lines = [f"Why {name}{chance}? " + legend(name, signed=True) + " " + legend(name, signed=False)]
    if explanation.outputs:
        output = escaped(explanation.prediction.text)
        lines.insert(0, f"Output: **{output}**")
    if explanation.prediction.embedding is not None:
        lines.insert(0, f"A vector of {explanation.prediction.embedding.size} numbers, length {explanation.target.logit:.3f}.")
    if cut is not None:
        lines.insert(0, _left_out(cut))
    return "\n\n".join(lines)


def _left_out(cut: Truncation) -> str:
    """What of the text was not read, with the words where it was cut."""
    said = [f"⚠️ **The text was cut**: it has {cut.tokens} tokens, the model reads {cut.limit}."]
    if cut.before.strip():
        said.append(f"Left out before: “… {escaped(cut.before.strip()[-GLIMPSE:])}” ({len(cut.before.split())} words).")
    if cut.after.strip():
        said.append(f"Left out after: “{escaped(cut.after.strip()[:GLIMPSE])} …” ({len(cut.after.split())} words).")
    return " ".join([*said, "Link, card and code hold the part that was read."])


def trust(attribution: Attribution) -> str:
    """The line under a method: what its numbers sum to and how exact they are."""
    warning = "" if attribution.within_tolerance else " ⚠️"
    return escaped(" · ".join(trusted(attribution))) + warning


def replay_report(result: Replay) -> str:
    """What came out when a card was explained again."""
    verdict = "✅ **Equal**" if result.equal else "⚠️ **Not equal**"
    lines = [f"{verdict} (relative tolerance {result.tolerance:g})", ""]
    lines += ["| method | quantity | difference | relative | |", "| --- | --- | ---: | ---: | --- |"]
    for difference in result.differences:
        said = "equal" if difference.equal else "**different**"
        what = f"{escaped(difference.method)} | {escaped(difference.quantity)}"
        lines.append(f"| {what} | {difference.absolute:.2e} | {difference.relative:.2e} | {said} |")
    notes = [*(f"Different: {line}" for line in result.mismatches), *(f"Note: {line}" for line in result.warnings)]
    return "\n".join([*lines, "", *(f"- {escaped(note)}" for note in notes)])


def columns(explanation: Explanation, merge: bool, special: bool) -> Shown:
    """The display choice as columns."""
    return shown(explanation.tokens, explanation.text, merge=merge, special=special)


def texts(explanation: Explanation, merge: bool, special: bool, scale: str) -> dict[str, list[tuple[str, str | None]]]:
    """Method -> highlighted pairs."""
    chosen = columns(explanation, merge, special)
    limit = None
    if scale == Scale.SHARED:
        limit = max((float(abs(chosen.scores(a.scores)).max(initial=0)) for a in explanation if a.signed), default=None)
    return {a.method: highlighted(a, chosen, limit=limit if a.signed else None) for a in explanation}


def picture(explanation: Explanation, merge: bool, special: bool, scale: str, view: str) -> go.Figure:
    """Methods x tokens, as a heatmap or as bars."""
    if view == BARS:
        return methods_bars(explanation, words=merge, special=special)
    return methods_heatmap(explanation, words=merge, special=special, scale=Scale(scale))


def token_details(explanation: Explanation, pair: int, merge: bool, special: bool) -> str:
    """The clicked token's score in every method."""
    chosen = columns(explanation, merge, special)
    column = column_of(chosen, pair)
    if column is None:
        return "That is white space. Click on a token."
    group = chosen.groups[column]
    lines = [f"**{escaped(group.text)}** — " + ", ".join(f"`{_code(explanation.tokens[i].piece)}`" for i in group.indices), ""]
    lines += ["| method | score | rank |", "| --- | ---: | ---: |"]
    for attribution in explanation:
        scores = chosen.scores(attribution.scores)
        rank = int((abs(scores) > abs(scores[column])).sum()) + 1
        lines.append(f"| {method_class(attribution.method).title} | {scores[column]:+.4g} | {rank} of {len(scores)} |")
    return "\n".join([*lines, "", *_attention_of(explanation, group)])


def _attention_of(explanation: Explanation, group: Word) -> list[str]:
    """What a token attends to most, averaged over layers and heads."""
    maps = next((a.maps for a in explanation if a.method == "attention" and a.maps), {})
    name = "encoder" if "encoder" in maps else "self" if "self" in maps else None
    if name is None or group.indices[-1] >= maps[name].shape[2]:
        return []
    weights = maps[name].mean((0, 1))[list(group.indices)].mean(0)
    best = (-weights).argsort()[:3]
    seen = ", ".join(f"{escaped(explanation.tokens[i].label)} ({weights[i]:.2f})" for i in best)
    return [f"It attends most to {seen}, on average over layers and heads."]


def offered(explanation: Explanation) -> tuple[list[str], list[str]]:
    """What the target and foil boxes offer: a sequence task takes a whole output as its target."""
    candidates = list(dict.fromkeys(candidate.text for candidate in explanation.prediction.candidates))
    return ([explanation.prediction.text] if explanation.outputs else candidates), candidates


def output_steps(explanation: Explanation) -> list[tuple[str, int]]:
    """(number and text, step) of every output token of a sequence task."""
    return [(f"{number + 1}: {step.text.strip() or step.text}", number) for number, step in enumerate(explanation.prediction.steps)]


def explained_steps(explanation: Explanation) -> list[tuple[str, int]]:
    """(number and text, number) of every output token that is explained."""
    return [(f"{number + 1}: {output.text.strip() or output.text}", number) for number, output in enumerate(explanation.outputs)]


def received_table(labels: Sequence[str], received: Array, *, most: int = 8) -> str:
    """The tokens that receive the most attention, ranked."""
    rows = [f"| {place + 1} | {escaped(labels[i])} | {received[i]:.3f} |" for place, i in enumerate((-received).argsort()[:most])]
    return "\n".join(["| rank | token | attention received from a query on average |", "| ---: | --- | ---: |", *rows])


def critical_table(report: AblationReport, *, most: int = 10) -> str:
    """The most critical heads, ranked."""
    lines = ["| rank | head | the score falls by | answer |", "| ---: | --- | ---: | --- |"]
    for place, head in enumerate(report.heads.ranked[:most]):
        at = (head.layer, head.index)
        answer = "changes" if report.heads.flips[head.group][at] else "stays"
        lines.append(f"| {place + 1} | {head_name(head)} | {report.heads.effect[head.group][at]:+.4g} | {answer} |")
    return "\n".join(lines)


def race_table(found: Faithfulness) -> str:
    """The methods of a race, the most faithful first."""
    lines = ["| method | comprehensiveness | sufficiency | normalised, 0 random – 1 best |", "| --- | ---: | ---: | ---: |"]
    rows = sorted(found.curves, key=lambda curve: -found.overall(curve))
    for curve in rows:
        overall = found.overall(curve)
        share = "–" if overall != overall else f"{overall:+.2f}"
        title = method_class(curve.name).title
        lines.append(f"| {title} | {curve.comprehensiveness:+.3f} | {curve.sufficiency:+.3f} | {share} |")
    return "\n".join(lines)


def pair_summary(pair: MinimalPair) -> str:
    """What changed in text and prediction."""
    removed, added = (", ".join(f"*{escaped(word)}*" for word in pair.words(change)) for change in (Change.REMOVED, Change.ADDED))
    first, second = (escaped(text) for text in pair.predictions)
    lines = [f"Removed: {removed or 'nothing'}. Added: {added or 'nothing'}.", ""]
    lines.append(f"Prediction: **{first}**, then **{second}**.")
    if pair.same_question:
        scores = f"{pair.scores[0]:+.3f}, then {pair.scores[1]:+.3f} (change {pair.score_change:+.3f})"
        lines.append(f"Score of {escaped(pair.targets[0].text)}: {scores}.")
    else:
        one, other = (escaped(target.text) for target in pair.targets)
        lines.append(f"They explain different answers (*{one}* and *{other}*): give a target to compare scores.")
    return "\n".join(lines)


def filler_table(found: Probe) -> str:
    """Each filler's mean score and effect, with the interval where there is one."""
    lines = [found.note, "", "| filler | mean score | effect | 95 % interval |", "| --- | ---: | ---: | --- |"]
    for number, filler in enumerate(found.fillers):
        low, high = found.effect.low[number], found.effect.high[number]
        interval = "–" if low != low else f"{low:+.3f} to {high:+.3f}"
        score, effect = found.scores[:, number].mean(), found.effect.mean[number]
        lines.append(f"| {escaped(filler) or '(nothing)'} | {score:+.3f} | {effect:+.3f} | {interval} |")
    return "\n".join(lines)


def methods_explained() -> str:
    """What every method computes, what it does not tell, and where it comes from."""
    lines = ["### The methods", ""]
    for method in METHODS:
        told = "does not know the target" if method.target_blind else "knows the target"
        sums = ", its scores sum to a known difference" if method.complete else ""
        lines.append(f"- **{method.title}** ({method.family.value}; {told}{sums}). {method.summary} {method.caution} *{method.reference}*")
    return "\n".join(lines)


def method_choices() -> list[tuple[str, str]]:
    """(title, name) of every method."""
    return [(method.title, method.name) for method in METHODS]


def escaped(text: str) -> str:
    """Text that a Markdown view shows as it is: no markup, link or image comes of it."""
    return MARKUP.sub(r"\\\1", html.escape(text, quote=False))


def _code(text: str) -> str:
    return text.replace("`", "ˋ").replace("|", "¦")
