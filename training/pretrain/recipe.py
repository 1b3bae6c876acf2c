"""The recipe of pretraining."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from training.recipe import Recipe

Architecture = Literal["gpt", "llama", "bert", "t5"]


class PretrainRecipe(Recipe):
    """One pretraining: what is read, what is built, how it is stepped."""

    stage: str = "pretrain"
    data: list[str] = Field(min_length=1)
    """Files, folders or `hub:NAME`."""
    dev: list[str] = Field(default_factory=list)
    """Held-out files; empty takes a share of `data` by content."""
    held_out: float = Field(default=0.02, gt=0, lt=0.5)
    text: str = "text"
    tokenizer: str
    """A folder or `local:NAME`, such as one the stage `tokenizer` made."""

    architecture: Architecture = "llama"
    base: str = ""
    """A model to go on from, instead of random weights; it decides the architecture's sizes."""
    hidden: int = Field(default=256, ge=16)
    layers: int = Field(default=6, ge=1)
    """Of the encoder and of the decoder each, for T5."""
    heads: int = Field(default=4, ge=1)
    kv_heads: int = Field(default=0, ge=0)
    """Heads that share keys and values (LLaMA); 0 means as many as heads."""
    context: int = Field(default=256, ge=16)
    """Tokens in one block."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    tie_embeddings: bool = True
    mask_share: float = Field(default=0.15, gt=0, lt=1)
    """Tokens hidden from BERT and T5."""
    span: float = Field(default=3.0, ge=1)
    """Mean length of what T5 has to fill in."""

    steps: int = Field(default=1000, ge=1)
    batch: int = Field(default=16, ge=1)
    """Blocks of one pass on each device."""
    accumulate: int = Field(default=1, ge=1)
    """Passes of one step."""
    learning_rate: float = Field(default=1e-3, gt=0)
    schedule: Literal["cosine", "wsd"] = "cosine"
    warmup_steps: int = Field(default=50, ge=0)
    decay: float = Field(default=0.2, ge=0, le=1)
    """The last share of the steps, in which WSD's rate falls to zero."""
    weight_decay: float = Field(default=0.1, ge=0)
    beta2: float = Field(default=0.95, gt=0, lt=1)
    clip: float = Field(default=1.0, gt=0)
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    gradient_checkpointing: bool = False

    log_every: int = Field(default=10, ge=1)
    evaluate_every: int = Field(default=200, ge=1)
    evaluate_blocks: int = Field(default=64, ge=1)
    checkpoint_every: int = Field(default=200, ge=1)
    patience: int = Field(default=0, ge=0)
    """Ends early after so many evaluations without a better held-out loss, and keeps the best weights; 0 never does."""
    prompts: list[str] = Field(default_factory=lambda: ["The"])
    """Beginnings the model continues whenever it is evaluated; BERT and T5 fill the word left out of them."""
    sample_tokens: int = Field(default=32, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _fits(cls, values: Any) -> Any:
        hidden, heads = values.get("hidden", 256), values.get("heads", 4)
        if isinstance(hidden, int) and isinstance(heads, int) and heads and hidden % heads:
            raise ValueError(f"hidden={hidden} is not a multiple of heads={heads}")
        return values
