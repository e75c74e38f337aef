"""Every text architecture of transformers as a tiny random model, made from its own configuration class by names that all of them share."""

from __future__ import annotations

from typing import Any

import torch
import transformers as t
from transformers.models.auto import modeling_auto as heads
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from zoo import PIECES

TASKS = {
    "next_token": heads.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    "masked_lm": heads.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    "generation": heads.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
}
MOST = 5_000_000
NAMES = {
    len(PIECES): ("vocab_size",),
    0: ("pad_token_id",),
    1: ("bos_token_id", "n_group", "topk_group", "first_k_dense_replace", "num_shared_experts", "n_shared_experts"),
    2: (
        *("eos_token_id", "decoder_start_token_id", "num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_decoder_layers"),
        *("encoder_layers", "decoder_layers", "num_encoder_layers", "num_key_value_heads", "num_experts_per_tok", "moe_k", "moe_topk"),
        *("linear_num_key_heads", "mamba_expand"),
    ),
    4: (
        *("num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads", "decoder_attention_heads", "num_experts"),
        *("num_local_experts", "n_routed_experts", "moe_num_experts", "qk_rope_head_dim", "qk_nope_head_dim", "time_step_rank"),
        *("linear_num_value_heads", "conv_kernel", "mamba_n_heads"),
    ),
    8: (
        *("head_dim", "d_kv", "d_head", "kv_channels", "v_head_dim", "qk_head_dim", "state_size", "mamba_d_state", "mamba_chunk_size"),
        *("linear_key_head_dim", "linear_value_head_dim"),
    ),
    16: ("moe_intermediate_size", "expert_ffn_hidden_size", "q_lora_rank", "kv_lora_rank", "sliding_window", "mamba_d_head"),
    32: ("hidden_size", "d_model", "n_embd", "dim", "embedding_size", "emb_dim", "model_dim", "word_embed_proj_dim"),
    48: ("intermediate_size", "d_ff", "hidden_dim", "encoder_ffn_dim", "decoder_ffn_dim", "d_inner", "ffn_dim", "n_inner"),
    64: ("max_position_embeddings", "n_positions"),
}
SMALL: dict[str, Any] = {name: value for value, names in NAMES.items() for name in names} | {"initializer_range": 0.3, "init_std": 0.3}
SENSES = ("vision", "audio", "image", "speech", "video")


class NotSmallError(Exception):
    """The architecture cannot be made small by these names, or reads more than text."""


def small(task: str, family: str) -> t.PreTrainedModel:
    """A tiny random model.

    Raises:
        NotSmallError: There is none, and why.
    """
    own = CONFIG_MAPPING[family]
    try:
        default = own()
        known = default.to_dict()
        if any(sense in name for name in known for sense in SENSES):
            raise NotSmallError("it reads more than text")
        given = {name: value for name, value in SMALL.items() if name in known or hasattr(default, name)}
        if known.get("layer_types"):
            given["layer_types"] = known["layer_types"][:2]
        config = own(**given)
        made = getattr(t, TASKS[task][family])
        with torch.device("meta"):
            size = sum(parameter.numel() for parameter in made(config).parameters())
        if size > MOST:
            raise NotSmallError(f"it has {size:,} parameters")
        torch.manual_seed(0)
        return made(config).eval()
    except NotSmallError:
        raise
    except Exception as error:  # whatever a configuration class says to sizes that it cannot have
        raise NotSmallError(str(error)) from error
