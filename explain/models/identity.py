"""What decides the numbers besides the question: the model's weights and the versions of the libraries."""

from __future__ import annotations

import hashlib
import platform
from importlib import metadata

import torch

PACKAGES = ("torch", "transformers", "captum", "shap", "numpy")


def versions() -> dict[str, str]:
    """The versions of everything that decides the numbers."""
    from explain import __version__

    return {"explain": __version__, "python": platform.python_version(), **{name: metadata.version(name) for name in PACKAGES}}


def fingerprint(model: torch.nn.Module) -> str | None:
    """SHA-256 over name, type, shape and bytes of every parameter and buffer; `None` where weights are not in memory (offloaded)."""
    digest = hashlib.sha256()
    for name, values in sorted(model.state_dict().items()):
        if values.is_meta:
            return None
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}\n".encode())
        digest.update(values.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
