"""What the recipes of fine-tuning have in common, and the keys of each kind."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from training.recipe import Recipe

Adapter = Literal["none", "lora", "dora", "rslora", "qlora", "prompt", "prefix"]


class TuningRecipe(Recipe):
    """A run that starts from a model and rows of examples."""

    base: str
    """The model to start from: `local:NAME`, `hf:REPO`, or a folder."""
    data: list[Path] = Field(min_length=1)
    """JSON Lines to learn from, plain or gzipped."""
    dev: list[Path] = Field(default_factory=list)
    """JSON Lines held back to judge by; empty takes `dev_share` of the rows, whole documents at a time."""
    dev_share: float = Field(default=0.1, gt=0, lt=1)
    most_rows: int = Field(default=0, ge=0)
    """At most so many rows of each file, drawn by the seed; 0 takes all."""
    batch: int = Field(default=4, ge=1)
    accumulation: int = Field(default=1, ge=1)
    """Batches whose gradients are added up before a step."""
    learning_rate: float = Field(default=2e-4, gt=0)
    schedule: Literal["linear", "cosine", "constant"] = "cosine"
    warmup: float = Field(default=0.03, ge=0, lt=1)
    """Share of the run in which the rate rises."""
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    steps: int = Field(default=0, ge=0)
    """Ends after so many steps; 0 goes by `epochs`."""
    epochs: float = Field(default=1.0, gt=0)
    max_length: int = Field(default=1024, ge=16)
    too_long: Literal["refuse", "drop", "cut"] = "refuse"
    """What becomes of rows with more tokens than `max_length`."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto` is bf16 on a GPU and fp32 elsewhere."""
    gradient_checkpointing: bool = False
    evaluate_every: int = Field(default=100, ge=1)
    checkpoint_every: int = Field(default=100, ge=1)
    patience: int = Field(default=0, ge=0)
    """Ends early after so many evaluations without a better loss, and keeps the best weights; 0 never does."""
    judge_rows: int = Field(default=64, ge=2)
    """Held-back rows the model is judged on before and after."""
    threads: int = Field(default=0, ge=0)


class AdapterRecipe(TuningRecipe):
    """A causal model, tuned whole or through an adapter."""

    adapter: Adapter = "lora"
    rank: int = Field(default=16, ge=1)
    alpha: int = Field(default=32, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: str | list[str] = "all-linear"
    """Layers that get an adapter."""
    virtual_tokens: int = Field(default=16, ge=1)
    """Of prompt and prefix tuning."""
    system: str = ""
    """A system message for rows that bring none: what the assistant sends with this base."""

    @model_validator(mode="after")
    def _fits_together(self) -> AdapterRecipe:
        if self.adapter == "prefix" and self.gradient_checkpointing:
            raise ValueError("prefix tuning does not work with gradient_checkpointing")
        return self


class SftRecipe(AdapterRecipe):
    """Supervised fine-tuning, and continued pretraining where the rows are plain `text`."""

    stage: Literal["sft"] = "sft"
    packing: bool = True
    """Several rows share one sequence; each still sees itself alone."""
    shared_prompts: bool = False
    """Rows whose prompts begin alike, such as questions about the same passages, share that beginning: it is computed
    once for all of them. Takes the place of `packing`."""
    completion_only: bool = True
    """The loss counts the answer's tokens alone; of a chat those of the assistant's turns."""
    answer_tokens: int = Field(default=64, ge=1)
    """Most new tokens when the model is judged."""

    @model_validator(mode="after")
    def _shares_what_it_can(self) -> SftRecipe:
        if self.shared_prompts and self.adapter in ("prompt", "prefix"):
            raise ValueError(f"shared_prompts does not work with the adapter {self.adapter}")
        if self.shared_prompts and not self.completion_only:
            raise ValueError("shared_prompts learns answers alone: it needs completion_only")
        return self


class PairRecipe(AdapterRecipe):
    """Learning from pairs or single votes."""

    stage: Literal["dpo", "orpo", "kto"]
    beta: float = Field(default=0.1, gt=0)
    """How strongly it is held to the model it started from; for ORPO the weight of the odds."""
    loss: str = ""
    """A variant of DPO's or KTO's loss by TRL's name; empty takes the usual one."""
    sft_weight: float = Field(default=0.0, ge=0)
    """For DPO: weight of the supervised loss on the better answer beside its own. Without it both answers may become
    less likely, the worse only faster (Pang et al., Iterative Reasoning Preference Optimization, 2024)."""

    @model_validator(mode="after")
    def _batch_of_kto(self) -> PairRecipe:
        if self.stage == "kto" and self.batch < 2:
            raise ValueError("KTO needs batch of at least 2: it compares rows of a batch")
        if self.stage != "dpo" and self.sft_weight:
            raise ValueError(f"sft_weight is for DPO, not for {self.stage}")
        return self


class RewardRecipe(AdapterRecipe):
    """A model that scores answers, learnt from pairs."""

    stage: Literal["reward"] = "reward"


class OnlineRecipe(AdapterRecipe):
    """Learning from rewards of what the model itself writes."""

    stage: Literal["grpo", "rloo"]
    rewards: list[Literal["exact", "json", "grounded", "model"]] = Field(min_length=1)
    """Checks an answer must pass: equals `answer`; is JSON (with the keys of `keys`); is supported by `passages`; or
    the score of `reward_model`."""
    reward_model: str = ""
    """For `model`: a folder or registered reward model."""
    generations: int = Field(default=4, ge=2)
    """Answers written to each prompt."""
    answer_tokens: int = Field(default=64, ge=1)
    temperature: float = Field(default=1.0, gt=0)
    beta: float = Field(default=0.04, ge=0)
    """Weight of the distance to the model it started from."""
    most_kl: float = Field(default=2.0, gt=0)
    """Ends the run where the distance to the start passes this: the reward is being gamed."""
    most_length_change: float = Field(default=2.0, gt=1)
    """Ends the run where answers became so many times longer or shorter than at the start."""
    most_refusals: float = Field(default=0.5, gt=0, le=1)
    """Ends the run where the share of refusals rose by so much."""
    watch_window: int = Field(default=5, ge=1)
    """Steps whose mean is compared."""

    @model_validator(mode="after")
    def _reward_model_is_named(self) -> OnlineRecipe:
        if ("model" in self.rewards) != bool(self.reward_model):
            raise ValueError("the reward 'model' and the key reward_model go together")
        if (self.batch * self.accumulation) % self.generations:
            raise ValueError("batch times accumulation must be a multiple of generations")
        return self


class ClassifierRecipe(TuningRecipe):
    """An encoder with a head that names one label of several."""

    stage: Literal["classifier"] = "classifier"
    max_length: int = Field(default=128, ge=4)


class SentenceRecipe(TuningRecipe):
    """An encoder for search: embeddings, or a reranker that reads question and passage together."""

    stage: Literal["embeddings", "reranker"]
    max_length: int = Field(default=256, ge=8)
    negatives: int = Field(default=3, ge=0)
    """For the reranker: wrong passages to each question, the hardest first."""
