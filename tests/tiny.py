"""Moved to the zoo."""

from vocabularies import SENTINELS, TOKENIZERS  # noqa: F401
from zoo import HIDDEN, REAL, TEXT, Tiny, real  # noqa: F401
