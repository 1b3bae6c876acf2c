"""The reader's recipe: everything that decides a run, read from YAML, unknown keys refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from training.recipe import Recipe, read_values, validated


class Repeats(BaseModel):
    """How often a row of each kind is drawn in one pass; fractions draw a random part."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    squad_answerable: float = Field(default=2.0, ge=0)
    squad_impossible: float = Field(default=3.0, ge=0)
    qa_extractive: float = Field(default=0.8, ge=0)
    derived: float = Field(default=0.6, ge=0)
    extra: float = Field(default=1.0, ge=0)
    multi_gold: float = Field(default=1.0, ge=0)
    multi_noise: float = Field(default=0.1, ge=0)
    own: float = Field(default=3.0, ge=0)
    """Rows of one's own, where the recipe names a file of them."""


class PairRecipe(Recipe):
    """What `training.reader.loop.PairLoop` needs to tune an encoder that reads two texts together."""

    base: Path
    """The encoder, `local:all-minilm-l6-v2` or a folder: config.json, model.safetensors, tokenizer.json."""
    start: Path | tuple[Path, ...] | None = None
    """An earlier run, or a reader as it ships, whose weights this one begins with; without one those of `base`.

    Of several the mean is taken (Wortsman et al. 2022, "Model soups"), which needs runs of one descent.
    """
    max_tokens: int = Field(default=320, ge=64, le=512)
    batch_tokens: int = Field(default=3200, ge=320)
    learning_rate: float = Field(default=2e-4, gt=0)
    warmup_steps: int = Field(default=60, ge=0)
    weight_decay: float = Field(default=0.01, ge=0)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    frozen_layers: int = Field(default=0, ge=0)
    """The lowest layers, with the embeddings, that stay as they are; with half of them a step takes two thirds."""
    steps: int = Field(default=3000, ge=0)
    """At most; 0 takes the mean of the runs in `start` as it is."""
    minutes: float = Field(default=0.0, ge=0)
    """Wall-clock bound of the run; 0 means none."""
    cooldown: float = Field(default=0.2, ge=0, le=1)
    checkpoint_every: int = Field(default=100, ge=1)
    evaluate_every: int = Field(default=250, ge=1)
    evaluate_rows: int = Field(default=256, ge=0)
    threads: int = Field(default=0, ge=0)
    """Threads inside each operation; 0 lets torch choose."""
    workers: int = Field(default=1, ge=1, le=64)
    """How many parts of a batch are worked on at once."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """bf16 is 1.8 times as fast on a processor with AVX512-BF16, slower on one without."""


class ReaderRecipe(PairRecipe):
    """One training run of the reader."""

    stage: str = "reader"
    repeats: Repeats = Repeats()
    own: Path | None = None
    """Rows of one's own, as `crossroads grades export --format reader` writes them."""
    near_negatives: int = Field(default=2000, ge=0)
    perturbed: int = Field(default=2000, ge=0)
    max_question_tokens: int = Field(default=64, ge=8, le=256)
    answerability_weight: float = Field(default=1.0, ge=0)


def load_recipe(path: Path, overrides: Mapping[str, Any] | None = None) -> ReaderRecipe:
    """Read a recipe; `overrides` replace its keys. Raises `SettingsError` naming the key at fault."""
    return validated(ReaderRecipe, read_values(path, overrides), f"Recipe {str(path)!r}")
