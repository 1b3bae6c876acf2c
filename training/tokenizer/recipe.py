"""The tokenizer's recipe."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from training.recipe import Recipe


class TokenizerRecipe(Recipe):
    """One tokenizer."""

    stage: str = "tokenizer"
    data: list[str] = Field(min_length=1)
    """Files, folders or `hub:NAME`."""
    text: str = "text"
    """The column that holds the text."""
    kind: Literal["bpe", "wordpiece", "unigram"] = "bpe"
    vocabulary: int = Field(default=8000, ge=300)
    min_frequency: int = Field(default=2, ge=1)
    digits: bool = True
    """Whether each digit is a token of its own, which makes numbers easier to learn."""
    sentinels: int = Field(default=0, ge=0, le=1000)
    """How many `<extra_id_N>` tokens: T5's denoising wants 100."""
    context: int = Field(default=1024, ge=16)
    """The longest sequence models with this tokenizer are meant for."""
    held_out: float = Field(default=0.05, gt=0, lt=0.5)
    """Share of the texts, drawn by their content, that the report is measured on."""
