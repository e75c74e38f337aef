"""load_model: from a name to a model that can be explained, loaded once and kept while memory allows."""

from __future__ import annotations

import json
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from accelerate.utils import get_max_memory
from safetensors import SafetensorError
from transformers import AutoConfig, AutoTokenizer, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from explain.errors import ModelNotFoundError, UnsafeModelError, UnsupportedError
from explain.models import hub, instrumentation
from explain.models.bundled import bundled_folder, bundled_names
from explain.models.explained_model import ExplainedModel
from explain.models.quiet import quiet
from explain.models.tasks import answered_by, detect, make_task, task_class

CACHE_BYTES = int(os.environ.get("EXPLAIN_CACHE_BYTES", 4 << 30))


@dataclass(frozen=True)
class LoadedModel:
    """A model and tokenizer in memory, shared by everyone who asks for them."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    revision: str | None

    @property
    def bytes(self) -> int:
        return int(self.model.get_memory_footprint())


class ModelCache:
    """Least recently used models leave when together they exceed `capacity` bytes; two threads that ask for one load it once."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._entries: OrderedDict[tuple[str, ...], LoadedModel] = OrderedDict()
        self._loading: dict[tuple[str, ...], threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: tuple[str, ...], load: Callable[[], LoadedModel]) -> LoadedModel:
        with self._lock:
            turn = self._loading.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                if key in self._entries:
                    self._entries.move_to_end(key)
                    return self._entries[key]
            loaded = load()
            instrumentation.instrument(loaded.model)
            with self._lock:
                self._entries[key] = loaded
                self._evict()
            return loaded

    def _evict(self) -> None:
        while len(self._entries) > 1 and sum(entry.bytes for entry in self._entries.values()) > self.capacity:
            _, leaving = self._entries.popitem(last=False)
            instrumentation.release(leaving.model)

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        with self._lock:
            for entry in self._entries.values():
                instrumentation.release(entry.model)
            self._entries.clear()


CACHE = ModelCache(CACHE_BYTES)


def load_model(
    name: str,
    *,
    task: str | None = None,
    revision: str | None = None,
    labels: Sequence[str] = (),
    prefix: str | None = None,
    device_map: str | None = None,
) -> ExplainedModel:
    """A model ready to be explained.

    Args:
        name: A bundled checkpoint, a folder (not on a public Space), or a model id on the Hub.
        task: What to ask it; found from its configuration if left out.
        revision: Commit, tag or branch on the Hub; the newest commit if left out.
        labels: For classification by a text-to-text model, the label words.
        prefix: For the same, what the model expects before the text.
        device_map: Where it goes: a device, or "auto" to spread it over all accelerators and, if they are too small, memory and disk; all
            accelerators if left out.

    Raises:
        InputError: The task is not known.
        ModelNotFoundError: There is no such model, or it cannot be reached or read.
        UnsafeModelError: It is refused by the safety checks.
        UnsupportedError: It has no trained head for the task.
    """
    if task is not None:
        task_class(task)
    snapshot = _locate(name.strip(), revision)
    config = _configuration(name, snapshot.folder)
    heads = _heads(name, config)
    asked = task or heads[0]
    auto_class = _auto_class(name, asked, heads)
    loaded = CACHE.get(
        (str(snapshot.folder), auto_class, device_map or ""),
        lambda: _load(name, snapshot, auto_class, device_map, complete=asked != "embedding"),
    )
    return ExplainedModel(
        loaded.model,
        loaded.tokenizer,
        make_task(asked, loaded.model, labels=labels, prefix=prefix),
        name=name.strip(),
        revision=loaded.revision,
    )


def _locate(name: str, revision: str | None) -> hub.Snapshot:
    if not name:
        raise ModelNotFoundError(f"No model was named. Bundled: {', '.join(bundled_names())}; or give a folder or a Hub id.")
    bundled = bundled_folder(name)
    if bundled is not None:
        return hub.Snapshot(bundled, None)
    looks_like_path = name.startswith((".", "/", "~", os.sep)) or _is_folder(name)
    if looks_like_path and hub.on_public_space():
        raise UnsafeModelError("Folders cannot be opened on a public server. Give a bundled model or a Hub id.")
    if looks_like_path:
        if not _is_folder(name) or not (Path(name).expanduser() / "config.json").is_file():
            raise ModelNotFoundError(f"{name} is not a folder with a transformers model: it has no config.json.")
        return hub.Snapshot(Path(name).expanduser(), None)
    return hub.fetch(name, revision)


def _is_folder(name: str) -> bool:
    """Whether there is a folder of this name; what cannot be a path is none."""
    try:
        return Path(name).expanduser().is_dir()
    except (OSError, RuntimeError, ValueError):
        return False


def _configuration(name: str, folder: Path) -> PreTrainedConfig:
    try:
        raw = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if not isinstance(raw, dict):
            raise ValueError("it is not a JSON object")
        if "auto_map" in raw:
            raise UnsafeModelError(
                f"{name} needs code of its own to run, which is never executed here. Choose a model that transformers knows."
            )
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise UnsupportedError(f"The configuration of {name} cannot be read as a transformers model: {error}") from error


def _heads(name: str, config: PreTrainedConfig) -> tuple[str, ...]:
    """The tasks of the heads that the checkpoint was saved with."""
    heads, refused = [], f"{name} does not say which head it has"
    for architecture in config.architectures or ():
        try:
            heads.append(detect(architecture))
        except UnsupportedError as error:
            refused = str(error)
    if not heads:
        raise UnsupportedError(f"{name} cannot be explained: {refused}")
    return tuple(heads)


def _auto_class(name: str, task: str, heads: tuple[str, ...]) -> str:
    """The class that loads the checkpoint for a task that one of its heads answers."""
    answered = list(dict.fromkeys(answer for head in heads for answer in answered_by(head)))
    if task not in answered:
        raise UnsupportedError(f"{name} has no trained head for {task}. It answers: {', '.join(answered)}.")
    return task_class(task).auto_class(heads)


def _load(name: str, snapshot: hub.Snapshot, auto_class: str, device_map: str | None, *, complete: bool) -> LoadedModel:
    safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(snapshot.folder, **safe)
            model, report = getattr(transformers, auto_class).from_pretrained(
                snapshot.folder, use_safetensors=True, output_loading_info=True, **safe, **placement(snapshot.folder, device_map)
            )
    except (OSError, ValueError, SafetensorError) as error:
        raise ModelNotFoundError(f"{name} could not be loaded as {auto_class}: {str(error).splitlines()[0]}") from error
    if set(tokenizer.get_vocab().values()) <= set(tokenizer.all_special_ids):
        raise ModelNotFoundError(f"{name} comes without a tokenizer: its files are missing. Choose another model, or complete the folder.")
    missing = sorted(report["missing_keys"])
    if missing and complete:
        raise UnsupportedError(
            f"{name} has no trained weights for this task ({missing[0]}{' and others' if len(missing) > 1 else ''} would be random). "
            "Choose another task or a model that was trained for it."
        )
    model.requires_grad_(False)
    return LoadedModel(model, tokenizer, snapshot.revision)


def placement(folder: Path, device_map: str | None = None) -> dict[str, Any]:
    """Where and how precisely: float32 on the CPU; accelerate spreads over what accelerators there are, in float32 if that fits.

    A model larger than that keeps its checkpoint's own precision.
    """
    if not torch.accelerator.is_available() or device_map == "cpu":
        return {"dtype": torch.float32} | ({} if device_map is None else {"device_map": device_map})
    stored = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    chosen = torch.device(device_map).index if device_map is not None and ":" in device_map else None
    free = sum(size for device, size in get_max_memory().items() if device != "cpu" and chosen in (None, device))
    return {"device_map": device_map or "auto", "dtype": torch.float32 if 2 * stored < 0.8 * free else "auto"}
