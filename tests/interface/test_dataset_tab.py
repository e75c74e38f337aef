"""The tab for a data set: a walk in Chromium, a run that is uploaded, and what a visitor may not upload."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import zipfile
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from dataset.findings.made import corpus, write
from driver import App
from playwright.sync_api import expect
from test_appearance import look

from explain.dataset import Run
from explain.dataset.findings import findings, side_by_side
from explain.dataset.findings.heads import HeadEffects
from explain.errors import InputError, StoppedError
from explain.interface.endpoints import endpoints
from explain.interface.tabs.dataset_views import DatasetViews, Opened
from explain.interface.work.dataset import beside, iter_run, open_run, open_runs, rows_from, rows_of_file
from explain.interface.work.files import new_folder
from explain.intervals import Interval
from explain.models.interruption import interruptible
from explain.sharing.request import Request as ExplainRequest
from explain.types import Question

GROUPS = {"encoder": 1.0, "cross": -2.0}
HOSTILE = '<img src=x onerror="window.attacked=1">'


@pytest.mark.browser
def test_a_small_file_is_explained_and_every_view_looked_at(app: App, tmp_path: Path) -> None:
    texts = [f"{HOSTILE} the film was {word}" for word in ("good", "bad", "good", "dull", "moving", "bad", "good", "bad")]
    file = tmp_path / "reviews.csv"
    with file.open("w", newline="") as written:
        rows = [["review", "stars"], *([text, "positive" if number % 2 else "negative"] for number, text in enumerate(texts))]
        csv.writer(written).writerows(rows)
    tab = app.open().visit("dataset")
    page = tab.page
    page.locator("#dataset-file input[type=file]").set_input_files(file)
    expect(page.locator("#dataset-file")).to_contain_text("reviews")
    page.locator("#tab-dataset").get_by_text("Columns of the file, keywords, slices").click()
    fields = (("columns", "review, stars"), ("keywords", "good"), ("slices", "lauded=good,moving\npanned=bad"), ("target", "positive"))
    tab.write(*((tab.part(name).locator("textarea, input").first, value) for name, value in fields))
    tab.wait(tab.start())
    expect(tab.status).to_contain_text("Explained 8 rows")
    expect(tab.part("about")).to_contain_text("8 rows")
    expect(tab.part("words")).to_contain_text("film")
    tab.view("Slices")
    expect(tab.part("keywords-plot")).to_contain_text("good → positive")
    expect(tab.part("slices-plot")).to_contain_text("panned → positive")
    expect(tab.part("differences")).to_contain_text("lauded − panned")
    tab.view("Errors")
    expect(tab.part("errors-note")).to_contain_text("Welch")
    tab.view("Cues")
    expect(tab.part("cues-note")).to_contain_text("other labels")
    tab.view("Methods")
    expect(tab.plot("dataset-agreement")).to_be_visible()
    expect(tab.plot("dataset-beside")).to_be_visible()
    tab.view("Heads")
    expect(tab.part("heads-note")).to_contain_text("Head ablation")
    tab.view("Examples")
    lines = tab.part("lines")
    expect(lines).to_contain_text("strongest of")
    tab.choose("word", "dull")
    expect(lines).to_contain_text("dull: the 1 strongest of 1 occurrences")
    expect(lines).to_contain_text(HOSTILE[9:])
    assert page.evaluate("window.attacked") is None
    look(tab, "dataset-examples", whole=True, within="#dataset-stage")
    page.set_viewport_size({"width": 390, "height": 844})
    look(tab, "dataset-examples", whole=True, audited=False)
    page.set_viewport_size({"width": 1280, "height": 900})
    with page.expect_download() as download:
        tab.part("zip").click()
    assert {"manifest.json", "part-00000.parquet", "tables/words.csv"} <= set(zipfile.ZipFile(download.value.path()).namelist())
    with page.context.expect_page() as opened:
        lines.get_by_text("Open", exact=True).first.click()
    example = App(opened.value, app.url)
    expect(example.text).to_have_value(re.compile(r"the film was \w+"))
    expect(example.status).to_contain_text("Explained positive by 2 methods")
    opened.value.close()
    expect(tab.toast).to_have_count(0)

    run = write(tmp_path / "run", corpus(30), ["lrp", "occlusion"])
    page.locator("#dataset-file").get_by_label("Clear").click()
    second = write(tmp_path / "second", corpus(30), ["occlusion", "lrp"])
    page.locator("#dataset-file input[type=file]").set_input_files([zipped(run.folder), zipped(second.folder, "second.zip")])
    expect(page.locator("#dataset-file")).to_contain_text("second")
    tab.wait(tab.start())
    expect(tab.status).to_contain_text("Opened 30 rows, 30 of another run beside them")
    tab.view("Methods")
    expect(tab.part("means")).to_contain_text("LRP")
    expect(tab.box(tab.part("other"))).to_have_value("LRP (other run)")
    expect(tab.plot("dataset-beside")).to_be_visible()
    tab.view("Heads")
    expect(tab.plot("dataset-heads")).to_be_visible()
    tab.view("Words")
    look(tab, "dataset-words", whole=True, within="#dataset-stage")


def zipped(folder: Path, name: str = "run.zip", **more: str) -> Path:
    """A ZIP of a folder's files under another folder, and more files in it."""
    path = folder.parent / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.iterdir():
            archive.write(file, f"some/where/{file.name}")
        for other, text in more.items():
            archive.writestr(other, text)
    return path


def test_a_zipped_run_is_opened_and_nothing_else_of_it(tmp_path: Path) -> None:
    run = write(tmp_path / "run", corpus(20), ["lrp", "occlusion"])
    folder = open_run([zipped(run.folder, **{"../../escaped.txt": "x", "part-1.parquet.exe": "x"})])
    assert {path.name for path in folder.iterdir()} == {path.name for path in run.folder.iterdir()}
    assert findings(folder).to_dict() == findings(run).to_dict()


def test_what_is_no_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write(tmp_path / "run", corpus(20), ["lrp", "occlusion"])
    other = tmp_path / "notes.txt"
    other.write_text("x")
    for paths, message in (
        ([other], r"notes\.txt is no file of a run"),
        ([run.parts[0]], "There is no run in"),
        ([zipped(tmp_path / "run", "odd.zip", **{"manifest.json": "{"})], "cannot be read|is not the manifest"),
    ):
        with pytest.raises(InputError, match=message):
            open_run(paths)
    other.rename(tmp_path / "bad.zip")
    with pytest.raises(InputError, match=r"bad\.zip cannot be read as a ZIP file"):
        open_run([tmp_path / "bad.zip"])
    monkeypatch.setenv("EXPLAIN_MAX_ROWS", "19")
    with pytest.raises(InputError, match="This needs 20 rows of a data set that is explained or opened; at most 19"):
        open_run([run.folder / "manifest.json", *run.parts])
    monkeypatch.delenv("EXPLAIN_MAX_ROWS")
    monkeypatch.setenv("EXPLAIN_MAX_FILE_BYTES", "100")
    with pytest.raises(InputError, match=r"would take more than [\d,]+ bytes in memory; at most 2,000"):
        open_run([run.folder / "manifest.json", *run.parts])
    monkeypatch.setenv("EXPLAIN_MAX_FILE_BYTES", "10")
    with pytest.raises(InputError, match=r"holds more than 200 bytes"):
        open_run([zipped(run.folder)])


def test_two_runs_are_opened_or_neither(tmp_path: Path) -> None:
    first, second = (write(tmp_path / name, corpus(20), ["lrp", "occlusion"]) for name in ("first", "second"))
    runs = open_runs([zipped(first.folder, "first.zip"), zipped(second.folder, "second.zip")])
    assert beside(runs, "lrp", "lrp", minimum=2).to_dict() == side_by_side(first, second, method="lrp", minimum=2).to_dict()
    before = set(runs[0].parent.glob("explain-files-*"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="There is no run in"):
        open_runs([zipped(first.folder, "first.zip"), zipped(tmp_path / "empty", "empty.zip")])
    assert set(runs[0].parent.glob("explain-files-*")) == before


def test_every_group_of_heads_can_be_chosen(tmp_path: Path) -> None:
    run = write(tmp_path / "run", corpus(20), ["lrp"])
    effects = {group: Interval(*(np.full((2, 2), value) for value in (mean, mean - 1, mean + 1))) for group, mean in GROUPS.items()}
    found = dataclasses.replace(findings(run), heads=HeadEffects(20, effects, {group: np.zeros((2, 2)) for group in GROUPS}))
    with gr.Blocks():
        views = DatasetViews()
        shown = views.show(Opened((run.folder,), found, 2), finished=False)
    assert shown[views["group"]]["choices"] == [("encoder self-attention", "encoder"), ("cross-attention", "cross")]
    opened = {views["opened"]: shown[views["opened"]]}
    for group, mean in GROUPS.items():
        drawn = views._heads({**opened, views["group"]: group})[views["heads"]]["value"]
        assert np.asarray(drawn.data[0].z).tolist() == [[mean] * 2] * 2


def test_texts_and_labels_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rows_from("one\tpositive\n\ntwo \n") == [{"text": "one", "label": "positive"}, {"text": "two", "label": None}]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps({"said": text, "kind": 1}) + "\n" for text in ("a", "b")))
    before = set(new_folder().parent.glob("explain-files-*"))
    assert rows_of_file(file, "said", "kind") == [{"text": "a", "label": "1"}, {"text": "b", "label": "1"}]
    assert set(new_folder().parent.glob("explain-files-*")) - before != set()
    monkeypatch.setenv("EXPLAIN_MAX_ROWS", "1")
    with pytest.raises(InputError, match=r"at most 1 are taken here\. Give fewer rows"):
        rows_from("a\nb")
    with pytest.raises(InputError, match="There is no text"):
        rows_from(" \n")


def test_it_stops_before_the_next_pass_and_keeps_what_is_done(tmp_path: Path) -> None:
    request = ExplainRequest("classification", "bert-mini", Question("a film"), ("lrp",))
    rows = [{"text": f"a film of {number} words", "label": None} for number in range(40)]
    steps = iter_run(request, rows, tmp_path)
    assert next(steps) == 16

    def stop() -> None:
        raise StoppedError("Stopped.")

    with interruptible(stop), pytest.raises(StoppedError):
        next(steps)
    assert len(Run.open(tmp_path)) == 16


def test_the_endpoint_gives_the_findings_of_the_core(tmp_path: Path) -> None:
    from explain.dataset import explain_dataset

    texts = [f"the film was {word}" for word in ("good", "bad", "good", "dull", "moving")]
    labels = ["positive", "negative", None, "negative", "positive"]
    call = {endpoint.name: endpoint for endpoint in endpoints()}["findings"]
    given = call(texts, labels, methods=["lrp"], target="positive", keywords=["good"], slices=["poor=bad,dull"], minimum=2)
    rows = [{"text": text, "label": label} for text, label in zip(texts, labels, strict=True)]
    run: Run = explain_dataset(
        "bert-mini", rows, tmp_path / "run", task="classification", label_column="label", methods=["lrp"], target="positive", progress=False
    )
    expected = findings(run, minimum=2, keywords=["good"], slices=["poor=bad,dull"]).to_dict()
    assert (
        [(one["name"], one["rows"]) for one in given["slices"]]
        == [(one["name"], one["rows"]) for one in expected["slices"]]
        == [("poor", 2)]
    )
    assert given["answers"] == expected["answers"]
    assert [(one["word"], one["effect"]["rows"]) for one in given["words"]] == [
        (one["word"], one["effect"]["rows"]) for one in expected["words"]
    ]
    for one, other in zip(given["words"], expected["words"], strict=True):
        assert one["effect"]["mean"] == pytest.approx(other["effect"]["mean"], abs=1e-5)
    assert json.loads(json.dumps(given, allow_nan=False)) == given
    with pytest.raises(InputError, match="'labels' must be as many as the texts"):
        call(texts, ["positive"])
