"""The models we recommend, by task: the bundled checkpoints first, then the usual ones on the Hub."""

from __future__ import annotations

from dataclasses import dataclass

from explain.models.bundled import bundled_names


@dataclass(frozen=True)
class CatalogEntry:
    """A model worth trying for a task.

    Attributes:
        name: Bundled name or Hub id.
        tasks: What it answers, its best task first.
        bundled: Whether it is on board and needs no network.
    """

    name: str
    tasks: tuple[str, ...]
    bundled: bool = False


ENTRIES = (
    CatalogEntry("bert-mini", ("classification", "masked_lm", "embedding"), bundled=True),
    CatalogEntry("distilbert-mini", ("classification", "masked_lm", "embedding"), bundled=True),
    CatalogEntry("gpt2-mini", ("next_token", "generation", "classification", "embedding"), bundled=True),
    CatalogEntry("t5-mini", ("span_infilling", "generation", "classification", "embedding"), bundled=True),
    CatalogEntry("google-bert/bert-base-uncased", ("masked_lm", "embedding")),
    CatalogEntry("distilbert/distilbert-base-uncased", ("masked_lm", "embedding")),
    CatalogEntry("FacebookAI/roberta-base", ("masked_lm", "embedding")),
    CatalogEntry("answerdotai/ModernBERT-base", ("masked_lm", "embedding")),
    CatalogEntry("distilbert/distilbert-base-uncased-finetuned-sst-2-english", ("classification",)),
    CatalogEntry("cardiffnlp/twitter-roberta-base-sentiment-latest", ("classification",)),
    CatalogEntry("openai-community/gpt2", ("next_token", "generation")),
    CatalogEntry("distilbert/distilgpt2", ("next_token", "generation")),
    CatalogEntry("Qwen/Qwen2.5-0.5B", ("next_token", "generation")),
    CatalogEntry("google-t5/t5-small", ("span_infilling", "generation")),
    CatalogEntry("google/flan-t5-small", ("generation", "span_infilling")),
    CatalogEntry("facebook/bart-base", ("generation",)),
    CatalogEntry("sentence-transformers/all-MiniLM-L6-v2", ("embedding",)),
)


def models_for(task: str, *, hub: bool = True) -> tuple[CatalogEntry, ...]:
    """The models for a task, bundled ones first; only those without `hub`."""
    present = bundled_names()
    fitting = [e for e in ENTRIES if task in e.tasks and (e.name in present if e.bundled else hub)]
    return tuple(sorted(fitting, key=lambda entry: (not entry.bundled, entry.tasks.index(task))))
