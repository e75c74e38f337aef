"""A whole data set explained into a folder, by one process or many, and resumed where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from explain.dataset import data as sources
from explain.dataset import manifest as manifests
from explain.dataset.batches import Asking
from explain.dataset.data import Data
from explain.dataset.reader import Run
from explain.dataset.schema import schema
from explain.dataset.store import Refused, Store
from explain.defaults import DEFAULT_METHODS
from explain.errors import InputError
from explain.evaluation.faithfulness import FaithfulnessSettings
from explain.explainer import TokenExplainer
from explain.methods.catalog import make_methods
from explain.methods.method import Method
from explain.models.identity import fingerprint, versions

if TYPE_CHECKING:
    import pandas as pd
    from accelerate import PartialState
    from datasets import Dataset

CHUNK = 1024
ASKED = ("target", "foil", "unit", "position", "step", "span")
"""Fields of `Question` that can hold for every row."""
ENGINES = ("accelerate", "datasets", "pyarrow")


def explain_dataset(
    model: str | TokenExplainer,
    data: str | Path | Dataset | pd.DataFrame | Iterable[str] | Iterable[Mapping[str, Any]],
    output: str | Path,
    *,
    task: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    config: str | None = None,
    split: str | None = None,
    methods: Iterable[str | Method] = DEFAULT_METHODS,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    labels: Sequence[str] = (),
    prefix: str | None = None,
    revision: str | None = None,
    device_map: str | None = None,
    faithfulness: bool | FaithfulnessSettings = False,
    seed: int = 0,
    chunk: int = CHUNK,
    cache: str | Path | None = None,
    progress: bool | Callable[[int, int], None] = True,
    **asked: Any,
) -> Run:
    """Explain every text of a data set into a folder of Parquet parts.

    Texts that the model reads at the same length share its passes, and every number is that of the text alone. The parts are written
    whole or not at all; the same call goes on where an earlier one stopped. Started by `accelerate launch`, the processes share the work,
    and the rows are those of one process. Rows that cannot be explained go to `refused-*.jsonl` with the reason.

    Args:
        model: A bundled checkpoint, a folder, a Hub id, or an explainer (one process only).
        data: A file, a data set of the Hub, or texts in memory (`explain.dataset.data.read`).
        output: The folder; made if it is not there.
        task: As for `load_model`.
        text_column: The column that is explained; "text", "sentence" or the only one if left out.
        label_column: The column with the right answer, if there is one.
        config: Which configuration of a data set of the Hub.
        split: Which split of it; "train" if left out.
        methods: Names, or methods with options.
        options: Method name -> option name -> value.
        labels: For classification by a text-to-text model, the label words.
        prefix: For the same, what the model expects before the text.
        revision: Of a model on the Hub.
        device_map: How a model too large for one device is spread, such as "auto"; on this process's own device if left out.
        faithfulness: Also measure how faithful the methods are on every text (`evaluate_faithfulness`); many passes for each.
        seed: Of the random orders that faithfulness compares with.
        chunk: Rows of a part.
        cache: Where `datasets` keeps what it reads; its own folder if left out.
        progress: Show a bar on standard error, or a function that is told (rows that are done, rows).
        asked: Fields of `Question` that hold for every row: target, foil, unit, position, step, span.

    Raises:
        InputError: Data, column, option or folder cannot be used, or the folder holds another run; the message says why.
        StorageError: There is no space or no permission to write.
        UnsupportedError: A method cannot explain this model.
    """
    from accelerate import PartialState
    from accelerate.utils import parse_flag_from_env

    if chunk < 1:
        raise InputError(f"A part has at least 1 row, got {chunk}.")
    unknown = next((name for name in asked if name not in ASKED), None)
    if unknown is not None:
        raise InputError(f"Rows of data cannot be asked with {unknown!r}. Known: {', '.join(ASKED)}.")
    chosen = make_methods(methods, options)
    state = PartialState(cpu=not torch.accelerator.is_available() or parse_flag_from_env("ACCELERATE_USE_CPU"))
    with state.main_process_first():
        texts = sources.read(data, text_column=text_column, label_column=label_column, config=config, split=split, cache=cache)
    explainer = model if isinstance(model, TokenExplainer) else _load(model, state, task, revision, labels, prefix, device_map)
    try:
        for method in chosen:
            method.check(explainer.model)
        explainer.model.task.unit(asked.get("unit"))
        measured = FaithfulnessSettings(seed=seed) if faithfulness is True else faithfulness or None
        asking = Asking(explainer.model, chosen, asked, measured)
        manifest = manifest_of(asking, texts, chunk, seed)
        work = Work(asking, texts, Store(Path(output).expanduser(), manifests.run_of(manifest)), chunk)
        with state.main_process_first():
            if state.is_main_process:
                manifests.begin(work.store.folder, manifest)
                work.store.clear()
        pending = work.pending()
        state.wait_for_everyone()  # nobody writes before everybody has looked
        work.run(pending[state.process_index :: state.num_processes], progress)
        state.wait_for_everyone()
    finally:
        if not isinstance(model, TokenExplainer):
            explainer.close()
    return Run.open(output)


@dataclass(frozen=True)
class Work:
    """The chunks of a run."""

    asking: Asking
    data: Data
    store: Store
    size: int

    def pending(self) -> list[int]:
        """The chunks that are not done."""
        return [chunk for chunk in range(-(-len(self.data) // self.size)) if not self.store.done(chunk)]

    def run(self, chunks: Sequence[int], progress: bool | Callable[[int, int], None]) -> None:
        from accelerate.utils import tqdm

        total = sum(len(self._range(chunk)) for chunk in chunks)
        with tqdm(total=total, unit=" texts", desc="Explaining", disable=progress is not True) as bar:

            def done(count: int) -> None:
                bar.update(count)
                told[0] += count
                if callable(progress):
                    progress(told[0], total)

            told = [0]
            for chunk in chunks:
                self.explain(chunk, done)

    def explain(self, chunk: int, done: Callable[[int], None] = lambda count: None) -> None:
        """Explain one chunk and write its part; `done` is told how many rows are after every batch."""
        methods = [method.name for method in self.asking.methods]
        groups = self.asking.model.attention_groups if "head_ablation" in methods else ()
        columns = schema(methods, groups=list(groups), faithfulness=self.asking.measured is not None)
        rows: list[dict[str, Any]] = []
        refused: list[Refused] = []
        own = self._range(chunk)
        for found in self.asking.explain(self.data.rows(own.start, own.stop), done):
            if isinstance(found, Refused):
                refused.append(found)
            else:
                rows.append(found.to_dict(columns))
        rows.sort(key=lambda row: row["row"])
        self.store.keep(chunk, rows, columns, sorted(refused, key=lambda one: one.row))

    def _range(self, chunk: int) -> range:
        return range(chunk * self.size, min((chunk + 1) * self.size, len(self.data)))


def _load(
    name: str,
    state: PartialState,
    task: str | None,
    revision: str | None,
    labels: Sequence[str],
    prefix: str | None,
    device_map: str | None,
) -> TokenExplainer:
    from explain.models.loading import load_model

    own = device_map or (str(state.device) if torch.accelerator.is_available() else None)
    return TokenExplainer(load_model(name, task=task, revision=revision, labels=labels, prefix=prefix, device_map=own))


def manifest_of(asking: Asking, texts: Data, chunk: int, seed: int) -> dict[str, Any]:
    """Everything that decides the rows of a run."""
    from importlib import metadata

    model = asking.model
    return {
        "format": manifests.FORMAT,
        "model": model.name,
        "revision": model.revision,
        "weights": fingerprint(model.model) if model.revision is None else None,
        "labels": list(model.task.labels),
        "prefix": model.task.prefix,
        "task": model.task.name,
        "methods": {method.name: method.options for method in asking.methods},
        **dict.fromkeys(ASKED),
        **asking.common,
        "unit": model.task.unit(asking.common.get("unit")).value,
        "faithfulness": None if asking.measured is None else {name: _plain(value) for name, value in asdict(asking.measured).items()},
        "data": texts.to_dict(),
        "seed": seed,
        "chunk": chunk,
        "versions": versions() | {name: metadata.version(name) for name in ENGINES},
    }


def _plain(value: Any) -> Any:
    return getattr(value, "value", value)
