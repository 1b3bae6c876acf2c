"""Every kind of training by name: its recipe and the function that does the work. Importable without torch."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from graphs.errors import SettingsError
from training.recipe import Recipe, find_recipe, read_values, validated
from training.registry import ModelVersion
from training.run import Listener, Resolve, Run, is_main_process, plain_folder


@dataclass(frozen=True)
class Stage:
    """One kind of training. `recipe` and `work` are `module:name`, imported when they are needed."""

    summary: str
    recipe: str
    """A subclass of `Recipe`."""
    work: str
    """A function of recipe and `Run` that trains, fills `Run.model` and returns `Run.finish(…)`."""


STAGES = {
    "reader": Stage(
        "an encoder that finds an answer's span, or that there is none",
        "training.reader.recipe:ReaderRecipe",
        "training.reader.stage:run_reader",
    ),
    "router": Stage(
        "the choice of the path for each request",
        "training.router.recipe:RouterRecipe",
        "training.router.stage:run_router",
    ),
    "tokenizer": Stage(
        "a tokenizer from raw text",
        "training.tokenizer.recipe:TokenizerRecipe",
        "training.tokenizer.stage:run_tokenizer",
    ),
    "pretrain": Stage(
        "a model from random weights, or more pretraining of one",
        "training.pretrain.recipe:PretrainRecipe",
        "training.pretrain.stage:run_pretrain",
    ),
    "distil": Stage(
        "a small model taught by a larger one with the same vocabulary",
        "training.distil.recipe:DistilRecipe",
        "training.distil.stage:run_distil",
    ),
    "grounding": Stage(
        "the checker of sentences against evidence",
        "training.grounding.recipe:GroundingRecipe",
        "training.grounding.stage:run_grounding",
    ),
    "grounding-encoder": Stage(
        "an encoder that sees whether an excerpt supports a sentence, joined with the checker's features",
        "training.grounding.recipe:EncoderRecipe",
        "training.grounding.stage:run_encoder",
    ),
    "sft": Stage(
        "supervised fine-tuning of a chat model, or more pretraining on texts",
        "training.tuning.recipe:SftRecipe",
        "training.tuning.sft:run_sft",
    ),
    "dpo": Stage(
        "preferences, from pairs of answers",
        "training.tuning.recipe:PairRecipe",
        "training.tuning.preference:run_pairs",
    ),
    "orpo": Stage(
        "preferences and answers at once, from pairs",
        "training.tuning.recipe:PairRecipe",
        "training.tuning.preference:run_pairs",
    ),
    "kto": Stage(
        "preferences, from single votes",
        "training.tuning.recipe:PairRecipe",
        "training.tuning.preference:run_pairs",
    ),
    "reward": Stage(
        "a model that scores answers", "training.tuning.recipe:RewardRecipe", "training.tuning.reward:run_reward"
    ),
    "grpo": Stage(
        "learning from rewards of the model's own answers, compared in groups",
        "training.tuning.recipe:OnlineRecipe",
        "training.tuning.online:run_online",
    ),
    "rloo": Stage(
        "learning from rewards of the model's own answers, each against the others",
        "training.tuning.recipe:OnlineRecipe",
        "training.tuning.online:run_online",
    ),
    "classifier": Stage(
        "an encoder that names one label of several",
        "training.tuning.recipe:ClassifierRecipe",
        "training.tuning.classifier:run_classifier",
    ),
    "embeddings": Stage(
        "an encoder that finds texts by meaning",
        "training.tuning.recipe:SentenceRecipe",
        "training.tuning.sentence:run_embeddings",
    ),
    "reranker": Stage(
        "an encoder that puts found passages in order",
        "training.tuning.recipe:SentenceRecipe",
        "training.tuning.sentence:run_reranker",
    ),
}


@dataclass(frozen=True)
class Trained:
    """What a run left: the record to register and the folder with its files."""

    version: ModelVersion
    folder: Path


def load_recipe(source: str, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """The validated recipe of a file, or of one that ships by name; `overrides` replace its keys.

    Raises `SettingsError` where it cannot be read, its stage is unknown, or a key is.
    """
    path = find_recipe(source)
    values = read_values(path, overrides)
    return validated(_recipe_of(values.get("stage"), path), values, f"Recipe {str(path)!r}")


def train(
    recipe: Recipe,
    *,
    resume: bool = False,
    listeners: Sequence[Listener] = (),
    resolve: Resolve = plain_folder,
    started: Callable[[Run], object] = lambda _: None,
) -> Trained:
    """Train as a recipe says, in its folder. `resolve` gives the folder of a model named in it; `started` is handed
    the open run, whose `stop` ends it after its step.

    Raises `CrossroadsError` for what is wrong with recipe or data, `graphs.errors.Cancelled` where it was stopped:
    the last checkpoint is then kept, and `resume` continues from it.
    """
    work = _load(STAGES[recipe.stage].work)
    with Run(recipe, resume=resume, listeners=listeners, resolve=resolve, main=is_main_process()) as run:
        started(run)
        return Trained(cast(ModelVersion, work(recipe, run)), run.model)


def _recipe_of(stage: Any, path: Path) -> type[Recipe]:
    if stage not in STAGES:
        raise SettingsError(f"Recipe {str(path)!r} has the stage {stage!r}.", f"There are: {', '.join(STAGES)}.")
    return cast(type[Recipe], _load(STAGES[stage].recipe))


def _load(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)
