"""Which functions and operators of torch each of LRP's rules is for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

NORMALISATIONS = (
    *(functional.softmax, torch.softmax, Tensor.softmax, functional.log_softmax, torch.log_softmax, Tensor.log_softmax),
    functional.logsigmoid,
)
PRODUCTS = (
    *(torch.mul, Tensor.mul, Tensor.mul_, torch.multiply, Tensor.multiply, torch.matmul, Tensor.matmul, Tensor.__rmatmul__),
    *(torch.bmm, Tensor.bmm, torch.mm, Tensor.mm),
)
QUOTIENTS = (torch.div, Tensor.div, Tensor.div_, torch.true_divide, Tensor.true_divide)
POWERS = (torch.pow, Tensor.pow, Tensor.__pow__)
SCALES = (torch.rsqrt, Tensor.rsqrt, torch.reciprocal, Tensor.reciprocal)
SUMS: Mapping[Callable[..., Tensor], Callable[..., Tensor]] = {
    **dict.fromkeys((torch.add, Tensor.add, Tensor.add_), torch.add),
    **dict.fromkeys((torch.sub, Tensor.sub, Tensor.sub_), torch.sub),
    Tensor.__rsub__: torch.rsub,
}
AFFINE = (
    *(torch.cat, torch.concat, torch.stack, torch.where, Tensor.where, torch.masked_fill, Tensor.masked_fill),
    *(torch.conv1d, functional.conv1d, torch.conv2d, functional.conv2d),
)
EXPONENTIALS: tuple[Callable[..., Tensor], ...] = (
    *(torch.exp, Tensor.exp, torch.exp2, Tensor.exp2, torch.log, Tensor.log, torch.log1p, Tensor.log1p, torch.cos, Tensor.cos),
    *(functional.softplus, functional.hardsigmoid, torch.logsumexp, Tensor.logsumexp, Tensor.__rpow__),
)
"""What is not zero at zero, so that no multiple of x stands for it."""
ELEMENTWISE: tuple[Callable[..., Tensor], ...] = (
    *(functional.gelu, functional.relu, functional.silu, functional.sigmoid, functional.tanh, functional.relu6, functional.elu),
    *(functional.selu, functional.mish, functional.hardswish, functional.hardtanh, functional.softsign, functional.normalize),
    *(torch.relu, torch.tanh, torch.sigmoid, torch.sqrt, torch.square, torch.erf, torch.sin, torch.clamp, torch.clip, torch.clamp_min),
    *(Tensor.relu, Tensor.tanh, Tensor.sigmoid, Tensor.sqrt, Tensor.square, Tensor.erf, Tensor.sin, Tensor.clamp, Tensor.clip),
    *(torch.clamp_max, Tensor.clamp_min, Tensor.clamp_max, torch.special.expm1, torch.special.expit, torch.expm1, Tensor.expm1),
)
