"""Moved to the zoo."""

from zoo import FAMILIES, IDS, PIECES, STACK, TEXT, WORDS, Tiny, tiny, tokenizer  # noqa: F401
