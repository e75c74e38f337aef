"""What is chosen where nobody chooses; known without loading a model library."""

from __future__ import annotations

DEFAULT_METHODS = ("lrp", "integrated_gradients", "occlusion", "attention")
