"""A classifier: an encoder with a head that names one label of several, beside a baseline of words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graphs.errors import ModelError, UsageError
from training.registry import ModelVersion
from training.run import Run
from training.tuning.causal import calm, forget, load_tokenizer, on_gpu
from training.tuning.measure import change, interval
from training.tuning.prepare import check, prepare
from training.tuning.recipe import ClassifierRecipe
from training.tuning.rows import Row, Shape, Values, text_column
from training.tuning.trainers import arguments, fit, on_our_disk


def _wrong(values: Values) -> str:
    return text_column(values, "text") or ("" if str(values["label"]).strip() else "'label' is empty")


LABELLED = Shape("text and label", ("text", "label"), _wrong, '{"text": "…", "label": "…"}')


def run_classifier(recipe: ClassifierRecipe, run: Run) -> ModelVersion:
    """Learn to name labels; judged on rows held back.

    Metrics: `accuracy` with its interval and `macro_f1`; `baseline_accuracy` of TF-IDF with logistic regression on the
    same rows, and the gain over it with its interval.
    """
    check(recipe, (LABELLED,))
    base = run.resolve(recipe.base)
    tokenizer = load_tokenizer(base)
    prepared = prepare(recipe, run, (LABELLED,), lambda values: values["text"], lambda row: _length(row, tokenizer))
    labels = _labels(prepared.train, prepared.dev)

    def make(batch: int, accumulation: int) -> Any:
        return _trainer(recipe, run, prepared.train, prepared.dev, labels, base, tokenizer, batch, accumulation)

    trainer = fit(make, recipe, run)
    trainer.model.save_pretrained(run.model)
    tokenizer.save_pretrained(run.model)
    forget(trainer.model)
    del trainer
    texts, wanted = [row.values["text"] for row in prepared.dev], [str(row.values["label"]) for row in prepared.dev]
    named = classify(run.model, texts, recipe.max_length)
    guessed = words_baseline(prepared.train, texts, recipe.seed)
    return run.finish("classifier", _figures(wanted, named, guessed, len(prepared.train)), base=recipe.base)


def classify(folder: Path, texts: Sequence[str], max_length: int, batch: int = 32) -> list[str]:
    """The label a saved classifier gives each text."""
    import torch
    from transformers import AutoModelForSequenceClassification

    tokenizer = load_tokenizer(folder)
    model: Any = AutoModelForSequenceClassification.from_pretrained(folder)
    model = model.to("cuda" if on_gpu() else "cpu").eval()
    named: list[str] = []
    for first in range(0, len(texts), batch):
        part = list(texts[first : first + batch])
        inputs = tokenizer(part, truncation=True, max_length=max_length, padding=True, return_tensors="pt")
        with torch.inference_mode():
            best = model(**inputs.to(model.device)).logits.argmax(-1).tolist()
        named += [model.config.id2label[number] for number in best]
    return named


def words_baseline(train: Sequence[Row], texts: Sequence[str], seed: int) -> list[str]:
    """What TF-IDF of words and pairs of words with logistic regression says: the bar to beat."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(max_iter=1000, random_state=seed))
    model.fit([row.values["text"] for row in train], [str(row.values["label"]) for row in train])
    return [str(label) for label in model.predict(list(texts))]


def _trainer(
    recipe: ClassifierRecipe,
    run: Run,
    train: Sequence[Row],
    dev: Sequence[Row],
    labels: list[str],
    base: Path,
    tokenizer: Any,
    batch: int,
    accumulation: int,
) -> Any:
    import torch
    from datasets import Dataset
    from transformers import AutoModelForSequenceClassification, DataCollatorWithPadding, Trainer, TrainingArguments

    numbers = {label: number for number, label in enumerate(labels)}

    def rows(chosen: Sequence[Row]) -> Any:
        made = []
        for row in chosen:
            inputs = tokenizer(row.values["text"], truncation=True, max_length=recipe.max_length)
            made.append({"input_ids": inputs.input_ids, "labels": numbers[str(row.values["label"])]})
        return Dataset.from_list(made)

    torch.manual_seed(recipe.seed)  # the new head begins alike in every run of a recipe
    try:
        model: Any = AutoModelForSequenceClassification.from_pretrained(
            base,
            num_labels=len(labels),
            label2id=numbers,
            id2label=dict(enumerate(labels)),
            pad_token_id=tokenizer.pad_token_id,
        )
    except (OSError, ValueError, KeyError) as error:
        first = str(error).strip().splitlines()[0]
        raise ModelError(f"The model in {str(base)!r} does not load: {first}", "Name an encoder's folder.") from error
    with calm():
        return on_our_disk(Trainer, run)(
            model=model,
            args=TrainingArguments(**arguments(recipe, run, batch, accumulation)),
            train_dataset=rows(train),
            eval_dataset=rows(dev[: recipe.judge_rows]),
            data_collator=DataCollatorWithPadding(tokenizer),
        )


def _figures(wanted: list[str], named: list[str], guessed: list[str], rows: int) -> dict[str, float]:
    from sklearn.metrics import f1_score

    right = [float(one == other) for one, other in zip(wanted, named, strict=True)]
    plain = [float(one == other) for one, other in zip(wanted, guessed, strict=True)]
    accuracy, low, high = interval(right)
    against = change("accuracy", plain, right)
    return {
        "accuracy": accuracy,
        "accuracy_low": low,
        "accuracy_high": high,
        "macro_f1": float(f1_score(wanted, named, average="macro", zero_division=0)),
        "baseline_accuracy": against["accuracy_before"],
        "gain": against["accuracy_gain"],
        "gain_low": against["accuracy_gain_low"],
        "gain_high": against["accuracy_gain_high"],
        "rows": rows,
        "judged": len(wanted),
    }


def _labels(train: Sequence[Row], dev: Sequence[Row]) -> list[str]:
    labels = sorted({str(row.values["label"]) for row in train})
    if len(labels) < 2:
        said = f"All {len(train)} rows to learn from have the label {labels[0]!r}"
        raise UsageError(f"{said}.", "Add rows of another label: there is nothing to tell apart.")
    for row in dev:
        if str(row.values["label"]) not in labels:
            cure = "Add rows with it to learn from, or take it out."
            raise UsageError(f"{row.where} has the label {row.values['label']!r}, which no row teaches.", cure)
    return labels


def _length(row: Row, tokenizer: Any) -> tuple[int, int]:
    size = len(tokenizer(row.values["text"], add_special_tokens=False).input_ids)
    return size + 2, size
