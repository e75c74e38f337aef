"""What is chosen where nobody chooses; known without loading a model library."""

from __future__ import annotations

DEFAULT_METHODS = ("lrp", "integrated_gradients", "occlusion", "attention")
TOLERANCE = 1e-4
"""The relative difference up to which a replayed number is equal."""
