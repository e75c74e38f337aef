"""What a method's numbers sum to, how exact they are and what they cost, in words."""

from __future__ import annotations

from explain.completeness import completeness_scale
from explain.results import Attribution


def trust(attribution: Attribution) -> tuple[str, ...]:
    """Plain sentences without a full stop: what it computes, numerical error, standard error, cost."""
    parts = [attribution.summary.rstrip(".")] if attribution.summary else []
    if attribution.target_blind:
        parts.append("The scores are the same for every target")
    if attribution.gap is not None and attribution.baseline_output is not None:
        difference = attribution.output - attribution.baseline_output
        whole = completeness_scale(attribution.scores, difference) == abs(difference)
        parts.append(
            f"The scores sum to {attribution.scores.sum():+.4g}, the score is {attribution.output:.4g} and that of the baseline "
            f"{attribution.baseline_output:.4g}: relative gap {attribution.gap:.1e}{'' if whole else ', of a tenth of what they move'}"
        )
    elif attribution.gap is not None:
        parts.append(f"Relative numerical gap {attribution.gap:.1e}")
    if attribution.gap is not None and attribution.tolerance is not None:
        verdict = "within" if attribution.within_tolerance else "this misses"
        parts.append(f"{verdict.capitalize()} the tolerance of {attribution.tolerance:g}")
    if "ledger" in attribution.maps:
        names = ("tokens", "constants", "softmax", "normalisation")
        shares = zip(names, attribution.maps["ledger"].tolist(), strict=True)
        parts.append("The last score shares out as " + ", ".join(f"{name} {share:+.4g}" for name, share in shares))
    if "standard_error" in attribution.maps:
        parts.append(f"Standard error at most {attribution.maps['standard_error'].max():.2g}")
    parts.append(f"{attribution.passes} pass{'es' * (attribution.passes != 1)} through the model, {attribution.seconds:.2f} s")
    return tuple(parts)
