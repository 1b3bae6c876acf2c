"""The recipe of distillation. For sequences, use the stage `sft` on what `crossroads data generate` wrote."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from training.pretrain.recipe import PretrainRecipe


class DistilRecipe(PretrainRecipe):
    """A pretraining whose targets come from a teacher with the same vocabulary."""

    stage: str = "distil"
    method: Literal["logits", "on_policy"] = "logits"
    """`logits`: the teacher's probabilities on given text. `on_policy`: on what the student writes to given prompts."""
    teacher: str
    """A folder or `local:NAME`."""
    tokenizer: str = ""
    """Empty takes the teacher's."""
    temperature: float = Field(default=2.0, gt=0)
    """Above 1, the teacher's second thoughts count more."""
    alpha: float = Field(default=0.8, ge=0, le=1)
    """The teacher's share of the loss; the rest is the text itself."""
    answer_tokens: int = Field(default=64, ge=1)
    """Of what the student writes, on-policy."""

    @model_validator(mode="after")
    def _patience_needs_held_out_text(self) -> DistilRecipe:
        if self.method == "on_policy" and self.patience:
            raise ValueError("patience goes by held-out text, which method=on_policy has none of")
        return self
