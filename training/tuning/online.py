"""GRPO and RLOO: the model writes, its answers are rewarded, and it learns; watched for gaming the reward."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graphs.errors import ModelError
from training.probe import refuse_weights
from training.registry import ModelVersion
from training.run import Run
from training.tuning.causal import adapted, calm, forget, in_bf16, load_model, load_tokenizer, reload, save_model
from training.tuning.measure import answers, change
from training.tuning.pairs import messages_of, prompt_of
from training.tuning.prepare import Prepared, check, prepare
from training.tuning.recipe import OnlineRecipe
from training.tuning.reward import load_reward, scores
from training.tuning.rewards import Reward, is_exact, is_grounded, is_json, shares, text_of
from training.tuning.rows import Row, Shape, Values, text_column
from training.tuning.texts import encode, encode_prompt, grounded_prompt
from training.tuning.trainers import arguments, fit, on_our_disk
from training.tuning.watching import Gaming


def _prompt_wrong(values: Values) -> str:
    return text_column(values, "prompt") if isinstance(values["prompt"], str) else ""


ASKED = Shape("prompt", ("prompt",), _prompt_wrong, '{"prompt": "…", "answer": "…"}')
GROUNDED = Shape("question with passages", ("question", "passages"), lambda v: text_column(v, "question"), "")


def run_online(recipe: OnlineRecipe, run: Run) -> ModelVersion:
    """Learn from rewards; judged by the mean reward of greedy answers to prompts held back, before and after.

    Metrics: `reward` and `refusals` with their gains and intervals, `gamed` 1 where the watch ended the run.
    """
    check(recipe, (GROUNDED, ASKED))
    base = run.resolve(recipe.base)
    refuse_weights(base, whole=recipe.adapter == "none", bytes_each=2 if in_bf16(recipe) else 4)
    tokenizer = load_tokenizer(base)
    prepared = prepare(recipe, run, (GROUNDED, ASKED), _document, lambda row: (len(_ids(row, tokenizer, recipe)), 1))
    rewards = _rewards(recipe, run)
    _have_columns(recipe, prepared.train + prepared.dev)
    judged = prepared.dev[: recipe.judge_rows]
    before = _look(reload(base, base), tokenizer, judged, rewards, recipe)
    gaming = Gaming(recipe, run)

    def make(batch: int, accumulation: int) -> Any:
        return _trainer(recipe, run, prepared, rewards, gaming, base, tokenizer, batch, accumulation)

    trainer = fit(make, recipe, run)
    save_model(trainer.model, tokenizer, run.model)
    forget(trainer.model)
    del trainer
    after = _look(reload(base, run.model), tokenizer, judged, rewards, recipe)
    metrics: dict[str, float] = {"rows": len(prepared.train), "judged": len(judged), "gamed": float(bool(gaming.why))}
    for name in ("reward", "refusals"):
        metrics |= change(name, before[name], after[name])
    return run.finish("chat" if recipe.adapter == "none" else "adapter", metrics, base=recipe.base)


def _trainer(
    recipe: OnlineRecipe,
    run: Run,
    prepared: Prepared,
    rewards: dict[str, Reward],
    gaming: Gaming,
    base: Path,
    tokenizer: Any,
    batch: int,
    accumulation: int,
) -> Any:
    import trl
    from datasets import Dataset

    grpo = recipe.stage == "grpo"
    config = trl.GRPOConfig if grpo else trl.RLOOConfig
    options = arguments(recipe, run, batch, accumulation)
    options |= {"eval_strategy": "no", "include_num_input_tokens_seen": "no"}  # TRL counts the tokens it had written
    with calm():
        model = adapted(load_model(base, recipe), recipe)
        trainer: Any = on_our_disk(trl.GRPOTrainer if grpo else trl.RLOOTrainer, run)(
            model=model,
            args=config(
                **options,
                beta=recipe.beta,
                num_generations=recipe.generations,
                max_completion_length=recipe.answer_tokens,
                temperature=recipe.temperature,
            ),
            reward_funcs=[_for_trl(name, reward, gaming) for name, reward in rewards.items()],
            train_dataset=Dataset.from_list([_asked(row, tokenizer, recipe) for row in prepared.train]),
            processing_class=tokenizer,
        )
    trainer.add_callback(gaming.callback())
    return trainer


def _for_trl(name: str, reward: Reward, gaming: Gaming) -> Any:
    """A reward as TRL calls it, whose answers the watch sees too."""

    def score(completions: Sequence[Any], row: Sequence[Values], **_: Any) -> list[float]:
        texts = [text_of(completion) for completion in completions]
        gaming.saw(texts)
        return [float(reward(text, values)) for text, values in zip(texts, row, strict=True)]

    score.__name__ = name
    return score


def _rewards(recipe: OnlineRecipe, run: Run) -> dict[str, Reward]:
    found: dict[str, Reward] = {}
    for name in recipe.rewards:
        if name == "grounded":
            if run.checker is None:
                raise ModelError("No grounding checker was given to this run.", "Start it with `crossroads train`.")
            found[name] = is_grounded(run.checker)
        elif name == "model":
            found[name] = _by_model(recipe, run)
        else:
            found[name] = is_exact if name == "exact" else is_json
    return found


def _by_model(recipe: OnlineRecipe, run: Run) -> Reward:
    folder = run.resolve(recipe.reward_model)
    reads = load_tokenizer(folder)
    model = load_reward(run.resolve(recipe.base), folder, reads)

    def reward(text: str, values: Values) -> float:
        before = _messages(values, recipe.system)
        return scores(model, [encode(before, text or " ", reads, recipe.system)], reads.pad_token_id)[0]

    return reward


def _have_columns(recipe: OnlineRecipe, rows: Sequence[Row]) -> None:
    from graphs.errors import UsageError

    needs = {"exact": "answer", "grounded": "passages"}
    for reward in recipe.rewards:
        column = needs.get(reward, "")
        for row in rows:
            if column and column not in row.values:
                cure = f"Add it, or leave {reward!r} out of rewards."
                raise UsageError(f"{row.where} lacks {column!r}, which the reward {reward!r} needs.", cure)


def _look(
    model: Any, tokenizer: Any, rows: Sequence[Row], rewards: dict[str, Reward], recipe: OnlineRecipe
) -> dict[str, list[float]]:
    written = answers(model, tokenizer, [_ids(row, tokenizer, recipe) for row in rows], recipe.answer_tokens)
    forget(model)
    total = [
        sum(reward(text, row.values) for reward in rewards.values()) for text, row in zip(written, rows, strict=True)
    ]
    return {"reward": total, "refusals": [shares([text]) for text in written]}


def _asked(row: Row, tokenizer: Any, recipe: OnlineRecipe) -> dict[str, Any]:
    messages = _messages(row.values, recipe.system)
    plain = "".join(message["content"] + "\n" for message in messages)
    return {"prompt": messages if tokenizer.chat_template else plain, "row": row.values}


def _messages(values: Values, system: str) -> list[dict[str, str]]:
    if "question" in values:
        return grounded_prompt(values["question"], values["passages"])
    return messages_of(Row(Path(), 0, values), system)


def _ids(row: Row, tokenizer: Any, recipe: OnlineRecipe) -> list[int]:
    return encode_prompt(_messages(row.values, recipe.system), tokenizer, recipe.system)


def _document(values: Values) -> str:
    return str(values.get("document") or values["question"]) if "question" in values else prompt_of(values)
