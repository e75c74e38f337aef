"""Chats: templates as model families have them, and tiny models that read them."""

from __future__ import annotations

from copy import deepcopy

import torch
import transformers as t
from vocabularies import byte_fallback, byte_level
from zoo import STACK, Tiny

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA = (
    "{{ bos_token }}{% for m in messages %}"
    "{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n' + m['content'] | trim + '<|eot_id|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate') }}{% endif %}"
    "{{ '<start_of_turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\n' + m['content'] | trim + '<end_of_turn>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% set system = messages[0]['content'] if messages[0]['role'] == 'system' else '' %}"
    "{% for m in messages %}{% if m['role'] == 'user' %}"
    "{{ '[INST] ' + (system + '\n\n' if loop.last and system else '') + m['content'] + ' [/INST]' }}"
    "{% elif m['role'] == 'assistant' %}{{ ' ' + m['content'] | trim + eos_token }}{% endif %}{% endfor %}"
)
GRANITE = (
    "{% if documents %}{% for d in documents %}{{ '<|doc|>' + d['title'] + '\n' + d['text'] + '<|end|>\n' }}{% endfor %}{% endif %}"
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
THINKING = CHATML.replace("m['content'] +", "(m['content'].split('</think>')[-1] if 'think' in m['content'] else m['content']) +")
TEMPLATES = {"chatml": CHATML, "llama": LLAMA, "gemma": GEMMA, "mistral": MISTRAL, "granite": GRANITE, "thinking": THINKING}
SPECIAL = ["<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<start_of_turn>", "<end_of_turn>"]


def chatty(template: str = "chatml", *, kind: str = "llama") -> Tiny:
    """A tiny random decoder with a chat template; Mistral's has a tokenizer with byte fallback, the others byte-level ones."""
    words = byte_fallback() if template == "mistral" else byte_level()
    words.add_special_tokens({"additional_special_tokens": SPECIAL})
    words.chat_template = TEMPLATES[template]
    common = {"vocab_size": len(words), "pad_token_id": 1, "eos_token_id": words.eos_token_id, "bos_token_id": words.bos_token_id}
    torch.manual_seed(0)
    if kind == "gpt2":
        model = t.GPT2LMHeadModel(t.GPT2Config(**common, n_embd=32, n_layer=2, n_head=4, n_positions=256, initializer_range=0.3)).eval()
    else:
        sizes = {**STACK, "max_position_embeddings": 256, "num_key_value_heads": 2}
        made = (t.Qwen2ForCausalLM, t.Qwen2Config) if kind == "qwen2" else (t.LlamaForCausalLM, t.LlamaConfig)
        model = made[0](made[1](**common, **sizes)).eval()
    return Tiny("gpt2-generation", model, deepcopy(model), words, "generation")
