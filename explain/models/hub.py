"""Getting a checkpoint's folder from the Hub: metadata first, then only what is safe to load."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, constants, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import ModelInfo
from huggingface_hub.utils import get_session
from huggingface_hub.utils._validators import validate_repo_id

from explain.errors import ModelNotFoundError, UnsafeModelError
from explain.models import downloads

PATTERNS = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]
TIMEOUT = 8.0
PUBLIC_BYTES = 2_000_000_000


def on_public_space() -> bool:
    """Whether strangers can type model ids here: on a Space, or by `EXPLAIN_PUBLIC=1`; folders and large or private models are refused."""
    return os.environ.get("SYSTEM") == "spaces" or os.environ.get("EXPLAIN_PUBLIC", "").lower() in ("1", "true", "yes")


@dataclass(frozen=True)
class Snapshot:
    """A checkpoint on disk and the commit it is."""

    folder: Path
    revision: str | None


def reachable() -> bool:
    """Whether the Hub answers within a few seconds."""
    if constants.HF_HUB_OFFLINE:
        return False
    try:
        return bool(get_session().head(constants.ENDPOINT, timeout=3.0, follow_redirects=True).status_code < 500)
    except (HTTPError, OSError):
        return False


def fetch(name: str, revision: str | None) -> Snapshot:
    """Download a model's safetensors, configuration and tokenizer at a pinned commit.

    Never runs code of the repository and never reads pickled weights. On a public Space it asks without a token, and refuses private,
    gated and large models. A model that is already in the cache is used when the Hub cannot be reached.

    Raises:
        ModelNotFoundError: The id is malformed or unknown, or the Hub cannot be reached and the cache does not have it.
        UnsafeModelError: The model is gated, private, too large, has no safetensors or needs its own code.
    """
    public = on_public_space()
    token = False if public else None
    try:
        validate_repo_id(name)
        info = HfApi(token=token, endpoint=constants.ENDPOINT).model_info(name, revision=revision, files_metadata=True, timeout=TIMEOUT)
    except HFValidationError as error:
        raise ModelNotFoundError(
            f"{name!r} is neither a bundled model, nor a folder, nor a well-formed model id. An id looks like owner/name."
        ) from error
    except GatedRepoError as error:
        raise _gated(name) from error
    except RepositoryNotFoundError as error:
        raise ModelNotFoundError(f"The Hub has no public model {name!r}. Check the spelling; an id looks like owner/name.") from error
    except RevisionNotFoundError as error:
        raise ModelNotFoundError(f"{name} has no revision {revision!r}. Leave it out, or check the commit or branch.") from error
    except (HTTPError, OSError) as error:
        return _from_cache(name, revision, error)
    size = _check(name, info, public=public)
    place = None
    if public and not _owned(name, info.sha):
        downloads.make_room(name, info.sha, size)
        place = downloads.strangers_folder()
    try:
        folder = snapshot_download(
            name,
            revision=revision,
            cache_dir=place,
            allow_patterns=PATTERNS,
            token=token,
            etag_timeout=TIMEOUT,
            endpoint=constants.ENDPOINT,
        )
    except GatedRepoError as error:
        raise _gated(name) from error
    except (HTTPError, OSError) as error:
        raise ModelNotFoundError(
            f"The download of {name} broke off ({type(error).__name__}). Try again; what has arrived is kept."
        ) from error
    commit = Path(folder).name
    if commit != info.sha:
        raise UnsafeModelError(f"{name} was changed while it was downloaded, so that what came was not checked. Try again.")
    if place is not None:
        downloads.note(Path(folder))
    return Snapshot(Path(folder), commit)


def _owned(name: str, commit: str | None) -> bool:
    """Whether the owner of a public server had the model before a stranger asked for it."""
    return isinstance(try_to_load_from_cache(name, "config.json", revision=commit), str)


def _gated(name: str) -> UnsafeModelError:
    return UnsafeModelError(f"{name} is gated: its owner wants to be asked first. Choose an open model.")


def _check(name: str, info: ModelInfo, *, public: bool) -> int:
    """The bytes of its weights, if it may be loaded."""
    config = info.config or {}
    if public and (info.private or info.gated):
        raise UnsafeModelError(f"{name} is gated or private. Choose an open model.")
    if "auto_map" in config or "custom_code" in (info.tags or []):
        raise UnsafeModelError(
            f"{name} needs code of its own to run, which is never executed here. Choose a model that transformers knows."
        )
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
    weights = sum(size for file, size in sizes.items() if file.endswith(".safetensors"))
    if not any(file.endswith(".safetensors") for file in sizes):
        raise UnsafeModelError(f"{name} has no safetensors weights, and pickled ones can run code. Choose a model with safetensors.")
    if public and weights > PUBLIC_BYTES:
        raise UnsafeModelError(
            f"{name} is too large for this server: {weights / 1e9:.1f} GB, at most {PUBLIC_BYTES / 1e9:.1f} GB. "
            "Run explain on your own machine for it."
        )
    return weights


def _from_cache(name: str, revision: str | None, cause: Exception) -> Snapshot:
    for place in (None, downloads.strangers_folder()):
        try:
            folder = Path(snapshot_download(name, revision=revision, cache_dir=place, allow_patterns=PATTERNS, local_files_only=True))
        except (LocalEntryNotFoundError, OSError):
            continue
        return Snapshot(folder, folder.name)
    raise ModelNotFoundError(
        f"{name} is not on board, and the Hub cannot be reached ({type(cause).__name__}). Choose a bundled model, or try again later."
    ) from cause
