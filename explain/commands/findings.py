"""`explain findings`: what a run found."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explain.commands.console import program, say
from explain.errors import InputError

if TYPE_CHECKING:
    from explain.commands.console import Commands
    from explain.dataset.findings import Findings, SideBySide
    from explain.dataset.reader import Run

KINDS = (".html", ".pdf", ".png")


def add(commands: Commands) -> None:
    """What `findings` takes."""
    example = (
        'findings runs/sst2 --methods lrp --keywords not --slice "women=she,her" --slice "men=he,him" --report report.html --csv tables'
    )
    findings = commands.add_parser(
        "findings",
        help="what a run over a data set found",
        description="Words that drive a class, errors, spurious cues, agreement, faithfulness and heads, from the rows of a run alone.",
        epilog=f"example: {program()} {example}",
    )
    findings.set_defaults(run=_findings)
    findings.add_argument("folder", metavar="RUN", help="the folder that `dataset` wrote")
    findings.add_argument("--other", metavar="RUN", help="a second run over the same data, to see side by side")
    findings.add_argument(
        "--other-method", metavar="NAME", help="what the first method is seen beside (default: the same, or the run's next)"
    )
    said = "which of its methods (default: all; words and errors of the first are printed)"
    findings.add_argument("--methods", nargs="+", metavar="NAME", help=said)
    findings.add_argument("--tokens", action="store_true", help="count tokens instead of words")
    findings.add_argument("--case", action="store_true", help="tell Good from good")
    findings.add_argument("--minimum", type=int, default=5, metavar="N", help="rows in which a word must stand (default: %(default)s)")
    findings.add_argument("--most", type=int, default=20, metavar="N", help="words of each list in files (default: %(default)s)")
    findings.add_argument("--keywords", nargs="+", default=[], metavar="WORDS", help="words or phrases whose effect is wanted")
    findings.add_argument(
        "--slice",
        action="append",
        default=[],
        metavar="NAME=WHAT",
        help="rows to compare with other slices: women=she,her or early=/^In/ or good=label:positive; may be repeated",
    )
    findings.add_argument("--word", metavar="WORD", help="also show this word in its contexts")
    findings.add_argument("--report", action="append", default=[], metavar="FILE", help="write a report: .html, .pdf or .png")
    findings.add_argument("--app", metavar="URL", help="address of an app in which the examples of an HTML report open")
    findings.add_argument("--csv", metavar="FOLDER", help="write all tables as CSV")


def _findings(given: argparse.Namespace) -> int:
    for path in map(Path, given.report):
        if path.suffix not in KINDS or not path.parent.is_dir():
            what = f"its name must end in {', '.join(KINDS)}" if path.suffix not in KINDS else "its folder does not exist"
            raise InputError(f"The report {path} cannot be written: {what}.")

    from explain.dataset.findings import concordance, findings, side_by_side
    from explain.dataset.findings.tables import write_tables
    from explain.dataset.reader import Run
    from explain.visualization.findings_terminal import concordance_lines, findings_lines, side_lines

    run = Run.open(given.folder)
    counted: dict[str, Any] = {"unit": "tokens" if given.tokens else "words", "casefold": not given.case}
    bounds: dict[str, Any] = {"minimum": given.minimum, "most": given.most}
    found = findings(run, methods=given.methods, keywords=given.keywords, slices=given.slice, **counted, **bounds)
    first = given.methods[0] if given.methods else None
    say(findings_lines(found, methods=given.methods or found.methods[:1]))
    beside = None
    if given.other or given.other_method:
        beside = side_by_side(run, given.other, method=first, other_method=given.other_method, **counted, **bounds)
        say("\n" + side_lines(beside))
    if given.word:
        say("\n" + concordance_lines(concordance(run, given.word, method=first, most=given.most, **counted)))
    for path in map(Path, given.report):
        try:
            path.write_bytes(_report(path.suffix, run, found, beside, given.app))
        except OSError as error:
            raise InputError(f"{path} cannot be written: {error.strerror or error}.") from error
    if given.csv:
        write_tables(found.to_frames() | ({} if beside is None else {"side_by_side": beside.to_frame()}), given.csv)
    return 0


def _report(kind: str, run: Run, found: Findings, beside: SideBySide | None, app: str | None) -> bytes:
    if kind == ".pdf":
        from explain.visualization.findings_static import findings_pdf

        return findings_pdf(found)
    if kind == ".png":
        from explain.visualization.findings_static import findings_png

        return findings_png(found)
    from explain.dataset.findings import behind
    from explain.sharing.examples import Examples
    from explain.visualization.findings_page import findings_page

    lines = dict(enumerate(behind(run, [*found.words, *found.errors, *found.cues])))
    return findings_page(found, lines, other=beside, link=Examples(run.manifest, app).link if app else None).encode()
