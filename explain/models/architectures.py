"""What a loaded transformers model is made of: embeddings, attention calls, and where its output positions can be selected.

This is the only file that may know model families. It finds nearly everything from the model's own structure, by names that all of
transformers shares (`get_encoder`, `get_input_embeddings`, `base_model`), and one short forward pass that shows in which order
the attention function is called.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from explain.errors import UnsupportedError
from explain.models.nonlinear import activations, holds_experts, relative_bias

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class AttentionSite:
    """One call of the attention function in a forward pass.

    Attributes:
        group: "self" (encoder-only or decoder-only), or "encoder", "decoder" and "cross".
        layer: Index within its group.
    """

    group: str
    layer: int


@dataclass(frozen=True)
class Architecture:
    """The parts of a model that explaining needs.

    Attributes:
        embedding: The layer whose output stands for the input tokens.
        decoder_embedding: The same for the output prefix of an encoder-decoder.
        trunk: The module whose last hidden state the head reads.
        activations: Modules that apply a non-linearity element by element.
        experts: Modules that hold the weights of several experts and weigh what they say as the router told.
        relative_bias: Ids of weights that add to attention scores by distance, which is no part of the residual stream.
        blocks: The layers of each stack ("self", or "encoder" and "decoder") in order; a stack that shares them has none.
        sites: For each attention module, by id, its sites in call order (shared layers have several); empty where the
            model does not use transformers' attention interface.
    """

    embedding: nn.Module
    decoder_embedding: nn.Module | None
    trunk: nn.Module
    activations: tuple[nn.Module, ...]
    experts: tuple[nn.Module, ...]
    relative_bias: frozenset[int]
    blocks: Mapping[str, tuple[nn.Module, ...]]
    sites: Mapping[int, tuple[AttentionSite, ...]]

    @property
    def groups(self) -> dict[str, int]:
        """Number of layers of each attention group, in the order in which they run."""
        counts: dict[str, int] = {}
        for sites in self.sites.values():
            for site in sites:
                counts[site.group] = max(counts.get(site.group, 0), site.layer + 1)
        return counts


def is_encoder_decoder(model: PreTrainedModel) -> bool:
    """Whether the model has an encoder and a decoder."""
    return bool(getattr(model.config, "is_encoder_decoder", False))


def base_of(model: PreTrainedModel) -> Any:
    """The model below the head, also where the class names it wrongly and takes itself for it."""
    base = model.base_model
    if base is not model or is_encoder_decoder(model) or model.get_output_embeddings() is None:
        return base
    return next((child for child in model.children() if hasattr(child, "base_model")), model)


def decoder_start(model: PreTrainedModel) -> int:
    """The token that opens the output of an encoder-decoder, as its configuration says or as `generate` takes it.

    Raises:
        UnsupportedError: It names none, or one that is not in its vocabulary.
    """
    named = (getattr(settings, "decoder_start_token_id", None) for settings in (model.config, getattr(model, "generation_config", None)))
    found = next((index for index in (*named, getattr(model.config, "bos_token_id", None)) if index is not None), None)
    if found is None or not 0 <= found < model.get_input_embeddings().num_embeddings:
        raise UnsupportedError(
            f"{type(model).__name__} opens its output with token {found}, which it does not have. Set decoder_start_token_id in its "
            "configuration."
        )
    return int(found)


def device_of(module: nn.Module) -> torch.device:
    """Where a module computes; accelerate may keep its weights elsewhere and bring them when they are needed."""
    execution = getattr(getattr(module, "_hf_hook", None), "execution_device", None)
    return next(module.parameters()).device if execution is None else torch.device(execution)


def accepts(model: PreTrainedModel, argument: str) -> bool:
    """Whether the model's forward pass names this argument."""
    return argument in _arguments(model.forward.__func__ if inspect.ismethod(model.forward) else model.forward)


@functools.cache
def _arguments(forward: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(forward).parameters)


def describe(model: PreTrainedModel, sites: Mapping[int, tuple[AttentionSite, ...]], plain: Collection[int] | None = None) -> Architecture:
    """The parts of a model whose attention sites are known; only modules that are `plain`, by id, return nothing but states."""
    base = base_of(model)
    if is_encoder_decoder(model):
        stacks = {"encoder": base.get_encoder(), "decoder": base.get_decoder()}
        embedding, decoder_embedding = map(_embedding_of, stacks.values())
    else:
        stacks = {"self": base}
        embedding, decoder_embedding = model.get_input_embeddings(), None
    return Architecture(
        embedding=embedding,
        decoder_embedding=decoder_embedding,
        trunk=_trunk(model),
        activations=activations(model),
        experts=tuple(filter(holds_experts, model.modules())),
        relative_bias=relative_bias(model),
        blocks=_blocks(stacks, sites, plain),
        sites=sites,
    )


def _trunk(model: PreTrainedModel) -> nn.Module:
    """The module whose output the head reads: some heads call the decoder inside the base model by itself."""
    base = base_of(model)
    inner: nn.Module = base.get_decoder() if is_encoder_decoder(model) else getattr(base, "decoder", base)
    if is_encoder_decoder(model):
        return inner
    called: list[bool] = []
    if inner is base or model is base:
        return inner
    looking = base.register_forward_hook(lambda *_: called.append(True))
    try:
        with torch.no_grad():
            model(**short_inputs(model))
    finally:
        looking.remove()
    trunk: nn.Module = base if called else inner
    return trunk


def _blocks(
    stacks: Mapping[str, nn.Module], sites: Mapping[int, tuple[AttentionSite, ...]], plain: Collection[int] | None
) -> dict[str, tuple[nn.Module, ...]]:
    """The first module list of each stack that has one attention layer of the stack's own group in every element."""
    found = {}
    for group, stack in stacks.items():
        layers = {site.layer for own in sites.values() for site in own if site.group == group}
        for candidate in (module for module in stack.modules() if isinstance(module, nn.ModuleList)):
            if len(candidate) == len(layers) and all(any(id(m) in sites for m in block.modules()) for block in candidate):
                if plain is None or all(id(block) in plain for block in candidate):
                    found[group] = tuple(candidate)
                break
    return found


def _embedding_of(stack: PreTrainedModel) -> nn.Module:
    try:
        embedding: nn.Module = stack.get_input_embeddings()
    except (AttributeError, NotImplementedError) as error:
        raise UnsupportedError(
            f"{type(stack).__name__} does not say where its embeddings are, so that its tokens cannot be told."
        ) from error
    return embedding


def short_inputs(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """Three input tokens (and two decoder tokens, so that cross-attention can be told by its lengths) for the bare trunk."""
    avoid = {getattr(model.config, name, None) for name in ("pad_token_id", "bos_token_id", "eos_token_id")}
    ids = torch.tensor([[i for i in range(8) if i not in avoid][:3]], device=device_of(model.get_input_embeddings()))
    return {"input_ids": ids} | ({"decoder_input_ids": ids[:, :2]} if is_encoder_decoder(model) else {})


def alike(plain: Any, probed: Any) -> bool:
    """Whether two passes of a bare trunk gave the same last states, but for rounding."""
    one, other = (output[0].double() for output in (plain, probed))
    rounding = max(torch.finfo(plain[0].dtype).eps, torch.finfo(torch.float32).eps) ** 0.5  # some compute in float32 inside
    return bool(torch.allclose(one, other, rtol=0, atol=rounding * float(one.abs().max())))


def sites_of(model: PreTrainedModel, calls: list[tuple[nn.Module, int, int]]) -> dict[int, tuple[AttentionSite, ...]]:
    """Name the attention calls `(module, query length, key length)` seen on `short_inputs`, in their order."""
    decoder = set(map(id, base_of(model).get_decoder().modules())) if is_encoder_decoder(model) else set()
    layers: dict[str, int] = {}
    found: dict[int, list[AttentionSite]] = {}
    for module, queries, keys in calls:
        if not is_encoder_decoder(model):
            group = "self"
        elif id(module) not in decoder:
            group = "encoder"
        else:
            group = "decoder" if queries == keys else "cross"
        layer = layers.get(group, 0)
        layers[group] = layer + 1
        found.setdefault(id(module), []).append(AttentionSite(group, layer))
    if is_encoder_decoder(model) and not {"encoder", "decoder"} <= layers.keys():
        return {}  # half of it says nothing of the whole
    return {module: tuple(sites) for module, sites in found.items()}


def maximum_length(model: PreTrainedModel, tokenizer: Any) -> int | None:
    """Most tokens that the model reads, `None` if unbounded.

    Learned absolute positions bound it; RoBERTa-like position tables also hold the padding rows that are never used.
    """
    bounds = []
    if tokenizer.model_max_length < 1_000_000:
        bounds.append(int(tokenizer.model_max_length))
    positions = getattr(model.config, "max_position_embeddings", None) or getattr(model.config, "n_positions", None)
    relative = hasattr(model.config, "relative_attention_num_buckets")
    if positions and positions > 0 and not relative:
        table = next((m for n, m in model.named_modules() if n.endswith("position_embeddings") and isinstance(m, nn.Embedding)), None)
        offset = 0 if table is None or table.padding_idx is None else table.padding_idx + 1
        bounds.append(int(positions) - offset)
    return min(bounds, default=None)
