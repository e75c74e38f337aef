"""What opening the page costs: components, bytes, time to the first paint and to the first answer, long answers, many visitors at once.

    python tests/benchmarks/bench_page.py [--visitors 64]

Every visitor loads the page and asks about a text of their own, all at the same moment; all must be served.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gradio as gr
import httpx
import numpy as np
from playwright.sync_api import sync_playwright

from explain.interface.app import build, launch_options
from explain.interface.tabs.answer import Answer, Seen
from explain.interface.tabs.opening import prepare_examples
from explain.interface.tabs.stage import Stage
from explain.interface.tabs.tokens import numbers
from explain.results import Attribution, Explanation
from explain.sharing.request import Request
from explain.types import Family, Prediction, Question, Target, Token, Unit
from explain.visualization.page import page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))))
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
OPENINGS = 3
LENGTHS = (512, 1024, 2048, 4096)
METHODS = ("lrp", "integrated_gradients", "occlusion", "shap")
PATIENCE = 600.0


def paints(url: str) -> None:
    """Time to the first paint and to the first answer, in fresh browsers without a cache."""
    with sync_playwright() as playwright:
        for _ in range(OPENINGS):
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            started = time.perf_counter()
            page.goto(url, wait_until="commit")
            page.locator("#explain-row-lrp .token").first.wait_for(timeout=60_000)
            answered = time.perf_counter() - started
            print(f"first paint {page.evaluate(FIRST_PAINT) / 1000:.2f} s, first answer {answered:.2f} s")
            browser.close()


def question(config: dict[str, Any]) -> tuple[int, list[int], dict[int, Any]]:
    """The event of the button, its inputs, and their values on a page that was just opened."""
    parts = {part["id"]: part for part in config["components"]}
    (button,) = (number for number, part in parts.items() if part["props"].get("elem_id") == "explain-run")
    (event,) = (dependency for dependency in config["dependencies"] if [button, "click"] in dependency["targets"])
    (text,) = (number for number, part in parts.items() if part["props"].get("elem_id") == "explain-text")
    return event["id"], event["inputs"], {**{n: parts[n]["props"].get("value") for n in event["inputs"]}, text: text}


def visit(url: str, number: int, start: threading.Barrier) -> tuple[float, float]:
    """Load the page and ask; the seconds to the page and to the answer.

    Raises:
        RuntimeError: There was no answer.
    """
    session = f"visitor{number}"
    with httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False) as client:
        start.wait()
        started = time.perf_counter()
        client.get("/").raise_for_status()
        opened = time.perf_counter() - started
        event, inputs, values = question(client.get("/config").json())
        text = f"Visitor number {number} found the film a delight, not a mess."
        data = [text if values[i] == i else values[i] for i in inputs]
        asked = {"data": data, "fn_index": event, "session_hash": session}
        client.post("/gradio_api/queue/join", json=asked).raise_for_status()
        with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as lines:
            for line in lines.iter_lines():
                message = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
                if message.get("msg") == "process_completed":
                    if not message["success"]:
                        raise RuntimeError(f"Visitor {number}: {message['output']}")
                    return opened, time.perf_counter() - started
    raise RuntimeError(f"Visitor {number}: the stream ended without an answer.")


def sizes() -> None:
    """Bytes of an answer by four methods on the page, numbers included, and of the standalone page, by the length of the text."""
    with gr.Blocks():
        stage = Stage("size")
    values = {part: part.value for part in stage.shared}
    random = np.random.default_rng(0)
    for count in LENGTHS:
        text = " ".join(f"word{number}" for number in range(count))
        tokens = tuple(Token(m.group(), " ", m.group(), 0, *m.span(), special=False) for m in re.finditer(r"\S+", text))
        target, unit = Target(0, "yes", 1.0, 0.9), Unit.LOGIT
        found = [
            Attribution(name, Family.EXTERNAL, True, False, tokens, random.standard_normal(count) ** 3, target, None, unit, 1.0, 1.0, 1)
            for name in METHODS
        ]
        said = Prediction("classification", (target,), "yes")
        explanation = Explanation("model", "classification", text, tokens, said, target, None, unit, tuple(found))
        answer = Answer(Request("classification", "model", Question(text), METHODS), explanation, finished=True)
        started = time.process_time()
        updates = stage.show(answer, values)
        seconds = time.process_time() - started
        sent = json.dumps([value for part, value in updates.items() if not isinstance(part, gr.State)])
        alone = len(page(explanation, {"scores": [a.scores.tolist() for a in explanation]}).encode())
        print(
            f"{count} tokens: answer {(len(sent) + len(numbers(Seen(answer)))) / 1e6:.2f} MB in {seconds:.2f} s, page {alone / 1e6:.2f} MB"
        )


def crowd(url: str, visitors: int) -> None:
    """All at once."""
    start = threading.Barrier(visitors)
    with ThreadPoolExecutor(visitors) as pool:
        waiting = [pool.submit(visit, url, number, start) for number in range(visitors)]
    failed = [future.exception() for future in waiting if future.exception()]
    served = [future.result() for future in waiting if not future.exception()]
    print(f"{len(served)} of {visitors} visitors at once were served")
    for name, seconds in zip(("page", "answer"), zip(*served, strict=True), strict=True):
        print(f"  {name}: median {statistics.median(seconds):.1f} s, last {max(seconds):.1f} s")
    for error in failed[:3]:
        print(f"  {error!r}")


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visitors", type=int, default=64)
    visitors = parser.parse_args().visitors
    demo = build()
    prepare_examples().join()
    demo.launch(**launch_options(), server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, inbrowser=False)
    url = str(demo.local_url)
    config = httpx.get(f"{url}config", trust_env=False)
    opened = len(httpx.get(url, trust_env=False).content)
    print(f"{len(config.json()['components'])} components, config {len(config.content) / 1000:.0f} kB, page {opened / 1000:.0f} kB")
    paints(url)
    sizes()
    crowd(url, visitors)
    demo.close(verbose=False)


if __name__ == "__main__":
    main()
