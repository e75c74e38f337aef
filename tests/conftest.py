"""Every test computes on one thread, so that results do not depend on how the machine is loaded."""

from __future__ import annotations

import torch

torch.set_num_threads(1)
