"""load_model: what it accepts, what it refuses, and what it keeps in memory."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from captum.attr import InputXGradient, IntegratedGradients
from safetensors.torch import load_file, save_file
from zoo import HIDDEN, Tiny, tiny

from explain import METHODS, InputError, ModelNotFoundError, TokenExplainer, UnsafeModelError, UnsupportedError, load_model
from explain.models import loading
from explain.models.bundled import FOLDER, bundled_names
from explain.models.loading import LoadedModel, ModelCache

BUNDLED = {
    "bert-mini": ("classification", "masked_lm", "embedding"),
    "distilbert-mini": ("classification", "masked_lm", "embedding"),
    "gpt2-mini": ("next_token", "generation", "classification", "embedding"),
    "t5-mini": ("span_infilling", "generation", "classification", "embedding"),
}
TEXTS = {"masked_lm": "The capital of France is [MASK].", "span_infilling": "The film was ___ good."}


@pytest.fixture(autouse=True)
def fresh_cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(loading, "CACHE", ModelCache(loading.CACHE_BYTES))
    monkeypatch.delenv("SYSTEM", raising=False)
    yield
    loading.CACHE.clear()


def save(name: str, folder: Path) -> Path:
    made = tiny(name)
    made.model.save_pretrained(folder)
    made.tokenizer.save_pretrained(folder)
    return folder


def change(folder: Path, **settings: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return save("bert-class", tmp_path / "checkpoint")


@pytest.mark.parametrize(("name", "task"), [(name, task) for name, tasks in BUNDLED.items() for task in tasks])
def test_a_bundled_checkpoint_answers_its_tasks(name: str, task: str) -> None:
    if not (FOLDER / name).is_dir():
        pytest.skip(f"{name} is not on board yet")
    text = TEXTS.get(task, "A fine film, and not too long.")
    with TokenExplainer.from_pretrained(name, task=task) as explainer:
        found = explainer.analyze(text, ["input_x_gradient"], step=0 if explainer.model.task.sequence else None)
        assert explainer.model.name == name
        assert found.model == name
        assert abs(found["input_x_gradient"].scores).max() > 0
        assert all(parameter.dtype == torch.float32 for parameter in explainer.model.model.parameters())


@pytest.mark.parametrize("name", ["bert-mini", "distilbert-mini", "gpt2-mini", "t5-mini"])
def test_bundled_files_are_small_and_safe(name: str) -> None:
    if not (FOLDER / name).is_dir():
        pytest.skip(f"{name} is not on board yet")
    files = list((FOLDER / name).rglob("*"))
    assert {"config.json", "tokenizer.json", "README.md"} <= {file.name for file in files}
    assert not [file.name for file in files if file.suffix in (".bin", ".pt", ".pkl", ".h5", ".msgpack")]
    assert max(file.stat().st_size for file in files) < 10_000_000


def test_a_folder_is_loaded_with_the_weights_it_holds(checkpoint: Path) -> None:
    made = tiny("bert-class")
    with torch.no_grad():
        expected = made.model(**made.plain_inputs()).logits
    for name in (str(checkpoint), f"  {checkpoint}  "):
        with load_model(name) as model, torch.no_grad():
            assert model.task.name == "classification"
            torch.testing.assert_close(model.model(**made.plain_inputs()).logits, expected, atol=1e-6, rtol=0)
            assert not model.model.training
            assert not any(parameter.requires_grad for parameter in model.model.parameters())


def test_the_task_follows_the_head_and_may_be_asked(tmp_path: Path) -> None:
    masked = str(save("bert-masked", tmp_path / "masked"))
    causal = str(save("gpt2-next", tmp_path / "causal"))
    found = [(folder, task, load_model(folder, task=task).task.name) for folder in (masked, causal) for task in (None, "embedding")]
    assert [task for _, _, task in found] == ["masked_lm", "embedding", "next_token", "embedding"]
    assert load_model(causal, task="generation").task.name == "generation"


@pytest.mark.parametrize("task", ["classification", "masked_lm", "generation", "span_infilling"])
def test_a_head_that_was_not_trained_is_refused(tmp_path: Path, task: str) -> None:
    folder = save("gpt2-next" if task in ("classification", "masked_lm") else "bert-masked", tmp_path / "model")
    with pytest.raises(UnsupportedError, match=f"no trained head for {task}. It answers: "):
        load_model(str(folder), task=task)


def test_a_head_with_missing_weights_is_refused(checkpoint: Path) -> None:
    path = checkpoint / "model.safetensors"
    weights = load_file(path)
    for name in [name for name in weights if name.startswith("classifier")]:
        del weights[name]
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(UnsupportedError, match=r"classifier.*would be random"):
        load_model(str(checkpoint))
    load_model(str(checkpoint), task="embedding").close()


def test_an_unknown_task_is_refused_with_the_known_ones(checkpoint: Path) -> None:
    with pytest.raises(InputError, match=r"The task .translate. is not known"):
        load_model(str(checkpoint), task="translate")


@pytest.mark.parametrize("name", ["", "   "])
def test_no_name_is_told_what_is_on_board(name: str) -> None:
    with pytest.raises(ModelNotFoundError, match="No model was named"):
        load_model(name)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    for name in (str(tmp_path), str(tmp_path / "nowhere"), "./nowhere"):
        with pytest.raises(ModelNotFoundError, match=r"has no config\.json") as caught:
            load_model(name)
        assert name in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "cannot be read"), ('{"model_type": "nothing"}', "cannot be read"), ('{"model_type": "bert"}', "does not say which head")],
)
def test_a_configuration_that_cannot_be_read_is_refused(checkpoint: Path, content: str, message: str) -> None:
    (checkpoint / "config.json").write_text(content)
    with pytest.raises(UnsupportedError, match=message) as caught:
        load_model(str(checkpoint))
    assert str(checkpoint) in str(caught.value)


@pytest.mark.parametrize("content", ["[]", "3", "null"])
def test_a_configuration_that_is_no_object_is_refused(checkpoint: Path, content: str) -> None:
    (checkpoint / "config.json").write_text(content)
    with pytest.raises(UnsupportedError, match="cannot be read"):
        load_model(str(checkpoint))


def test_a_head_we_do_not_explain_is_refused(checkpoint: Path) -> None:
    change(checkpoint, architectures=["BertForQuestionAnswering"])
    with pytest.raises(UnsupportedError, match="BertForQuestionAnswering"):
        load_model(str(checkpoint))


def test_code_of_its_own_is_refused_in_a_folder_too(checkpoint: Path) -> None:
    change(checkpoint, auto_map={"AutoModel": "run.Model"})
    with pytest.raises(UnsafeModelError, match="code of its own"):
        load_model(str(checkpoint))


def test_pickled_weights_are_never_read(checkpoint: Path) -> None:
    weights = load_file(checkpoint / "model.safetensors")
    (checkpoint / "model.safetensors").unlink()
    torch.save(weights, checkpoint / "pytorch_model.bin")
    with pytest.raises(ModelNotFoundError, match="could not be loaded"):
        load_model(str(checkpoint))


def test_cut_off_weights_are_told(checkpoint: Path) -> None:
    path = checkpoint / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelNotFoundError, match="could not be loaded") as caught:
        load_model(str(checkpoint))
    assert str(checkpoint) in str(caught.value)


def test_a_missing_tokenizer_is_told(checkpoint: Path) -> None:
    for path in checkpoint.glob("tokenizer*"):
        path.unlink()
    with pytest.raises((ModelNotFoundError, UnsupportedError)) as caught, load_model(str(checkpoint)) as model:
        model.encode("the film was good")
    assert str(checkpoint) in str(caught.value)


def test_a_public_space_opens_no_folders(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYSTEM", "spaces")
    monkeypatch.chdir(checkpoint.parent)
    for name in (str(checkpoint), ".", "~", "./checkpoint", "checkpoint", "../checkpoint", "/etc"):
        with pytest.raises(UnsafeModelError, match="Folders cannot be opened"):
            load_model(name)
    if "bert-mini" in bundled_names():
        load_model("bert-mini").close()


def test_a_bundled_name_wins_over_a_folder_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bert-mini").mkdir()
    monkeypatch.chdir(tmp_path)
    with load_model("bert-mini") as model:
        assert model.model.config.model_type == "bert"


@pytest.fixture(params=list(HIDDEN))
def hidden(request: pytest.FixtureRequest) -> Iterator[tuple[Tiny, TokenExplainer]]:
    """A model that does not use transformers' attention interface, and its explainer."""
    made = tiny(request.param)
    with made.explainer() as explainer:
        yield made, explainer


def test_models_that_hide_their_attention_say_so(hidden: tuple[Tiny, TokenExplainer]) -> None:
    made, explainer = hidden
    needing = {name for name, method in METHODS.items() if method.needs_attention}
    for method in needing:
        with pytest.raises(UnsupportedError, match=rf"{type(made.plain).__name__} does not send it through .* from outside work"):
            explainer.analyze(made.text, [method])
    assert needing == {"attention", "attention_rollout", "attention_flow", "value_zeroing", "head_ablation", "layer_ablation"}
    ids = made.ids(made.text)
    with torch.no_grad():
        assert torch.equal(explainer.model.model(input_ids=ids).logits, made.plain(input_ids=ids).logits)


def test_models_that_hide_their_attention_are_explained_from_outside(hidden: tuple[Tiny, TokenExplainer]) -> None:
    made, explainer = hidden
    text = made.text.replace("not very ", "").replace(" but actors saved it", "")
    score = explainer.ask(text).scores[0]
    reference = made.reference(score)
    embeddings = reference.embeddings()
    expected = InputXGradient(reference).attribute(embeddings.clone().requires_grad_()).sum(-1)[0].detach().numpy()
    integrated = IntegratedGradients(reference).attribute(embeddings, n_steps=40, method="gausslegendre").sum(-1)[0].detach().numpy()
    found = explainer.analyze(
        text,
        ["input_x_gradient", "integrated_gradients", "shap", "occlusion", "gradient_norm"],
        options={"integrated_gradients": {"keep_special": False, "steps": 40, "maximum_steps": 40}},
    )
    with torch.no_grad():
        output = float(reference(embeddings))
    assert [one.output for one in found] == pytest.approx([output] * 5, abs=1e-5)
    assert found["input_x_gradient"].scores == pytest.approx(expected, abs=1e-5)
    assert found["integrated_gradients"].scores == pytest.approx(integrated, abs=2e-5)
    assert found["shap"].scores.sum() == pytest.approx(output - found["shap"].baseline_output, abs=1e-5)


def loaded(size: int) -> LoadedModel:
    """A model of `size` bytes and more."""
    made = tiny("bert-class")
    made.model.register_buffer("ballast", torch.zeros(size, dtype=torch.uint8))
    return LoadedModel(made.model, made.tokenizer, None)


def test_the_cache_keeps_the_models_used_last_within_its_bytes() -> None:
    size = 1 << 20
    counts = dict.fromkeys("abc", 0)
    each = loaded(size).bytes
    assert each > size
    cache = ModelCache(2 * each)

    def get(key: str) -> LoadedModel:
        def load() -> LoadedModel:
            counts[key] += 1
            return loaded(size)

        return cache.get((key,), load)

    first = get("a")
    assert first.model.config._attn_implementation.startswith("explain")
    get("b")
    assert get("a") is first
    assert len(cache) == 2
    get("c")  # b was used longest ago
    assert len(cache) == 2
    assert get("a") is first
    assert counts == {"a": 1, "b": 1, "c": 1}
    get("b")  # c leaves
    assert get("a") is first
    assert counts == {"a": 1, "b": 2, "c": 1}
    cache.clear()
    assert len(cache) == 0
    assert first.model.config._attn_implementation == "sdpa"


def test_a_model_larger_than_the_cache_is_still_kept_alone() -> None:
    cache = ModelCache(10)
    kept = [cache.get((key,), lambda: loaded(0)) for key in ("a", "b")]
    assert len(cache) == 1
    assert kept[0].model.config._attn_implementation == "sdpa"
    assert cache.get(("b",), lambda: pytest.fail("loaded again")) is kept[1]
    cache.clear()


def test_a_model_in_use_survives_its_eviction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "CACHE", ModelCache(10))
    first = TokenExplainer.from_pretrained(str(save("bert-class", tmp_path / "a")))
    before = first.analyze("the film was good", ["attention"])["attention"].scores
    load_model(str(save("gpt2-next", tmp_path / "b")))
    assert (first.analyze("the film was good", ["attention"])["attention"].scores == before).all()
    first.close()
    assert first.model.model.config._attn_implementation == "sdpa"


def test_threads_that_ask_at_once_load_once(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original, calls, together = loading._load, [], threading.Barrier(8)

    def counted(*arguments: Any, **more: Any) -> LoadedModel:
        calls.append(arguments)
        return original(*arguments, **more)

    monkeypatch.setattr(loading, "_load", counted)

    def ask(_: int) -> Any:
        together.wait()
        return load_model(str(checkpoint)).model

    with ThreadPoolExecutor(8) as pool:
        models = list(pool.map(ask, range(8)))
    assert len(calls) == 1
    assert all(model is models[0] for model in models)


def test_a_failed_load_is_tried_again(checkpoint: Path) -> None:
    path = checkpoint / "model.safetensors"
    shutil.move(path, checkpoint / "away")
    with pytest.raises(ModelNotFoundError):
        load_model(str(checkpoint))
    shutil.move(checkpoint / "away", path)
    load_model(str(checkpoint)).close()


def test_two_tasks_of_one_head_share_its_weights(tmp_path: Path) -> None:
    folder = str(save("gpt2-next", tmp_path / "model"))
    assert load_model(folder, task="next_token").model is load_model(folder, task="generation").model
    assert len(loading.CACHE) == 1
