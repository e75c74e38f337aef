"""Seconds that other libraries take for what `explain` gives too: same model, same text, each in a virtual environment of its own.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_rivals.py [--rivals captum shap …] [--tokens 16 64] [--environments FOLDER]

A rival is installed by pip beside the packages that are here (what it wants in another version is its own); where that or its
run fails, the table says why. Models of the size of BERT-base (classification) and GPT-2 (next token) with random weights are saved to a
temporary folder, from which all load them. Everything has its library's defaults, and integrated gradients 50 steps, and is
called as the library's own introduction does; times are processor seconds of the fastest call after the first, prediction included.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

RIVALS = ("captum", "shap", "inseq", "interpreto", "transformers-interpret", "lxt")
FAILED = "failed"
Calls = dict[str, Callable[[], Any]]


def loaded(folder: Path, kind: str) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

    head: Any = AutoModelForSequenceClassification if kind == "bert-base" else AutoModelForCausalLM
    return head.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)


def explain(folder: Path, kind: str, text: str) -> Calls:
    from explain import METHODS, TokenExplainer
    from explain.methods.shapley import Estimator

    explainer = TokenExplainer(*loaded(folder, kind), task="classification" if kind == "bert-base" else "next_token")
    methods = {
        "integrated gradients": METHODS["integrated_gradients"](),
        "gradient x input": METHODS["input_x_gradient"](),
        "LRP": METHODS["lrp"](),
        "occlusion": METHODS["occlusion"](),
        "Owen values": METHODS["shap"](estimator=Estimator.PARTITION),
        "attention": METHODS["attention"](),
    }
    return {name: lambda method=method: explainer.analyze(text, [method]) for name, method in methods.items()}  # type: ignore[misc]


def captum(folder: Path, kind: str, text: str) -> Calls:
    from captum.attr import FeatureAblation, LayerGradientXActivation, LayerIntegratedGradients

    model, tokenizer = loaded(folder, kind)
    inputs = tokenizer(text, return_tensors="pt")["input_ids"]
    target = int(model(inputs).logits.reshape(-1, model(inputs).logits.shape[-1])[-1].argmax())

    def score(ids: Any) -> Any:
        logits = model(ids).logits
        return logits if logits.dim() == 2 else logits[:, -1]

    layer = model.get_input_embeddings()
    return {
        "integrated gradients": lambda: LayerIntegratedGradients(score, layer).attribute(inputs, inputs * 0, target=target),
        "gradient x input": lambda: LayerGradientXActivation(score, layer).attribute(inputs, target=target),
        "occlusion": lambda: FeatureAblation(score).attribute(inputs, baselines=1, target=target),
    }


def shap(folder: Path, kind: str, text: str) -> Calls:
    import torch
    from shap import Explainer
    from shap.maskers import Text

    model, tokenizer = loaded(folder, kind)

    def score(texts: Any) -> Any:
        with torch.no_grad():
            logits = model(**tokenizer(list(texts), return_tensors="pt", padding=True)).logits
        return logits.numpy() if logits.dim() == 2 else logits[:, -1].numpy()

    explainer = Explainer(score, Text(tokenizer)) if kind == "bert-base" else None
    return {} if explainer is None else {"Owen values": lambda: explainer([text], silent=True)}


def inseq(folder: Path, kind: str, text: str) -> Calls:
    from inseq import load_model

    if kind == "bert-base":
        return {}
    names = {"integrated gradients": "integrated_gradients", "gradient x input": "input_x_gradient", "attention": "attention"}
    model = load_model(str(folder), "integrated_gradients")

    def call(method: str) -> Any:
        return model.attribute(text, f"{text} word7", method=method, show_progress=False)

    return {name: lambda method=method: call(method) for name, method in names.items()}  # type: ignore[misc]


def interpreto(folder: Path, kind: str, text: str) -> Calls:
    from interpreto import IntegratedGradients, Occlusion, Saliency

    model, tokenizer = loaded(folder, kind)
    made = {
        "integrated gradients": IntegratedGradients(model, tokenizer, n_perturbations=50),
        "gradient x input": Saliency(model, tokenizer, input_x_gradient=True),
        "occlusion": Occlusion(model, tokenizer),
    }
    asked = (text,) if kind == "bert-base" else (text, "word7")
    return {name: lambda explainer=explainer: explainer(*asked) for name, explainer in made.items()}  # type: ignore[misc]


def transformers_interpret(folder: Path, kind: str, text: str) -> Calls:
    from transformers_interpret import SequenceClassificationExplainer

    if kind != "bert-base":
        return {}
    explainer = SequenceClassificationExplainer(*loaded(folder, kind))
    return {"integrated gradients": lambda: explainer(text)}


def lxt(folder: Path, kind: str, text: str) -> Calls:
    from lxt.efficient import monkey_patch
    from transformers.models.gpt2 import modeling_gpt2

    if kind == "bert-base":
        return {}
    monkey_patch(modeling_gpt2)
    model, tokenizer = loaded(folder, kind)
    inputs = tokenizer(text, return_tensors="pt")["input_ids"]

    def call() -> Any:
        embeddings = model.get_input_embeddings()(inputs).detach().requires_grad_()
        model(inputs_embeds=embeddings, use_cache=False).logits[0, -1].max().backward()
        return (embeddings * embeddings.grad).sum(-1)

    return {"LRP": call}


def seconds(calls: Calls) -> dict[str, float | str]:
    """Of each call: the fastest of up to three after the first."""
    found: dict[str, float | str] = {}
    for name, call in calls.items():
        try:
            call()
            times: list[float] = []
            while len(times) < 3 and sum(times) < 20:
                started = time.process_time()
                call()
                times.append(time.process_time() - started)
            found[name] = min(times)
        except Exception as error:
            found[name] = f"{FAILED}: {type(error).__name__}: {error}".splitlines()[0][:160]
    return found


def environment(rival: str, folder: Path) -> Path | str:
    """The python of a rival's environment, or why there is none."""
    place = folder / rival
    python = place / "bin" / "python"
    if not (place / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        own = Path(sysconfig.get_path("purelib", vars={"base": str(place)}))
        (own / "zz_here.pth").write_text(sysconfig.get_path("purelib") + "\n")
        done = subprocess.run([python, "-m", "pip", "install", "-q", rival], capture_output=True, text=True, check=False)
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["pip failed"])[-1][:160]
        (place / "installed").touch()
    return python


def run(python: Path | str, rival: str, folder: Path, kind: str, text: str) -> dict[str, float | str]:
    command = [str(python), __file__, "--within", rival, str(folder), kind, text]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": "."})
    if done.returncode:
        return {"everything": f"{FAILED}: {(done.stderr.strip().splitlines() or ['no word'])[-1][:160]}"}
    found: dict[str, float | str] = json.loads(done.stdout.splitlines()[-1])
    return found


def save_models(folder: Path) -> None:
    import torch
    from bench_cost import MODELS

    for kind in ("bert-base", "gpt2"):
        torch.manual_seed(0)
        explainer = MODELS[kind]()[0]
        explainer.close()
        explainer.model.model.save_pretrained(folder / kind)
        explainer.model.tokenizer.save_pretrained(folder / kind)


def rows(rival: str, kind: str, tokens: int, ours: Mapping[str, float | str], theirs: Mapping[str, float | str]) -> None:
    for name, taken in theirs.items():
        own = ours.get(name, "")
        if isinstance(taken, str) or isinstance(own, str):
            print(f"| {rival} | {kind}, {tokens} tokens | {name} | {taken} | | |")
        else:
            print(f"| {rival} | {kind}, {tokens} tokens | {name} | {taken:.2f} | {own:.2f} | {taken / own:.1f} x |", flush=True)


def main() -> None:
    """Save the models, ask everybody, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rivals", nargs="+", choices=RIVALS, default=RIVALS)
    parser.add_argument("--tokens", nargs="+", type=int, default=[16, 64])
    parser.add_argument("--environments", type=Path)
    parser.add_argument("--within", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.within:
        rival, folder, kind, text = given.within
        print(json.dumps(seconds(globals()[rival.replace("-", "_")](Path(folder), kind, text))))
        return
    print("| library | model | method | seconds | explain | ratio |\n| --- | --- | --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as made:
        folder, environments = Path(made), (given.environments or Path(made) / "environments").absolute()
        save_models(folder)
        pythons = {rival: environment(rival, environments) for rival in given.rivals}
        for kind in ("bert-base", "gpt2"):
            for tokens in given.tokens:
                text = " ".join(f"word{7 * number % 1000}" for number in range(tokens - 2 * (kind == "bert-base")))
                ours = run(sys.executable, "explain", folder / kind, kind, text)
                for rival, python in pythons.items():
                    theirs = {"everything": python} if isinstance(python, str) else run(python, rival, folder / kind, kind, text)
                    rows(rival, kind, tokens, ours, theirs)


if __name__ == "__main__":
    main()
