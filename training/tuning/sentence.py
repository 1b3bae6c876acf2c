"""Encoders for search, by sentence-transformers: embeddings from pairs, a reranker from passages marked right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graphs.words import coverage
from training.registry import ModelVersion
from training.run import Run
from training.tuning.causal import calm, load_tokenizer, on_gpu
from training.tuning.measure import change
from training.tuning.prepare import check, prepare
from training.tuning.recipe import SentenceRecipe
from training.tuning.rows import Row, Shape, Values, text_column
from training.tuning.texts import passage_text
from training.tuning.trainers import arguments, fit, on_our_disk


def _gold_wrong(values: Values) -> str:
    wrong = text_column(values, "question")
    gold, passages = values["gold"], values["passages"]
    if wrong or not isinstance(passages, list) or not isinstance(gold, list):
        return wrong or "'passages' and 'gold' are not lists"
    if not gold or any(not isinstance(g, int) or not 0 <= g < len(passages) for g in gold):
        return f"'gold' {gold} does not name passages (0 to {len(passages) - 1})"
    return "" if len(gold) < len(passages) else "every passage is gold: there is nothing to tell apart"


PAIR = Shape(
    "anchor and positive",
    ("anchor", "positive"),
    lambda values: text_column(values, "anchor", "positive"),
    '{"anchor": "…", "positive": "…"}',
)
READ = Shape(
    "question and context",
    ("question", "context"),
    lambda values: text_column(values, "question", "context"),
    '{"question": "…", "context": "…"}',
)
MARKED = Shape(
    "passages with gold",
    ("question", "passages", "gold"),
    _gold_wrong,
    '{"question": "…", "passages": ["…"], "gold": [0]}',
)


def run_embeddings(recipe: SentenceRecipe, run: Run) -> ModelVersion:
    """Tune an embedding model; judged by finding each held-back text among all of them, before and after.

    Metrics: `recall_at_1` and `mrr` (reciprocal rank, 0 below rank 10), each with its gain and interval.
    """
    check(recipe, (MARKED, PAIR, READ))
    base = run.resolve(recipe.base)
    tokenizer = load_tokenizer(base)
    prepared = prepare(recipe, run, (MARKED, PAIR, READ), _document, lambda row: _length(_pair(row), tokenizer))
    judged = [_pair(row) for row in prepared.dev[: recipe.judge_rows]]
    before = _ranks(base, judged, recipe)
    trainer = fit(
        lambda batch, more: _embedding_trainer(recipe, run, prepared.train, prepared.dev, base, batch, more),
        recipe,
        run,
    )
    with calm():
        trainer.model.save_pretrained(str(run.model), create_model_card=False)
    after = _ranks(run.model, judged, recipe)
    return run.finish("embedding", {"rows": len(prepared.train), **_gains(before, after)}, base=recipe.base)


def run_reranker(recipe: SentenceRecipe, run: Run) -> ModelVersion:
    """Tune a reranker; judged by where it puts the right passages, beside the order their words give.

    Metrics: `mrr` and `recall_at_1`; their gains are over the order by shared words.
    """
    check(recipe, (MARKED,))
    base = run.resolve(recipe.base)
    tokenizer = load_tokenizer(base)
    prepared = prepare(recipe, run, (MARKED,), _document, lambda row: _length(_pair(row), tokenizer))
    judged = prepared.dev[: recipe.judge_rows]
    trainer = fit(
        lambda batch, more: _reranker_trainer(recipe, run, prepared.train, judged, base, batch, more), recipe, run
    )
    with calm():
        trainer.model.save_pretrained(str(run.model))
    before = [_first_gold(row, _by_words(row)) for row in judged]
    after = [_first_gold(row, scored) for row, scored in zip(judged, rerank(run.model, judged), strict=True)]
    return run.finish("reranker", {"rows": len(prepared.train), **_gains(before, after)}, base=recipe.base)


def rerank(folder: Path, rows: Sequence[Row]) -> list[list[float]]:
    """A saved reranker's score of each passage of each row."""
    from sentence_transformers import CrossEncoder

    with calm():
        model: Any = CrossEncoder(str(folder), device="cuda" if on_gpu() else "cpu")
        found = []
        for row in rows:
            pairs = [(row.values["question"], passage_text(passage)) for passage in row.values["passages"]]
            found.append([float(score) for score in model.predict(pairs, show_progress_bar=False)])
    return found


def _embedding_trainer(
    recipe: SentenceRecipe, run: Run, train: Sequence[Row], dev: Sequence[Row], base: Path, batch: int, more: int
) -> Any:
    import sentence_transformers as st
    from datasets import Dataset
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    def rows(chosen: Sequence[Row]) -> Any:
        return Dataset.from_list([dict(zip(("anchor", "positive"), _pair(row), strict=True)) for row in chosen])

    with calm():
        model: Any = _encoder(base, recipe)
        return on_our_disk(st.SentenceTransformerTrainer, run)(
            model=model,
            args=st.SentenceTransformerTrainingArguments(**_arguments(recipe, run, batch, more)),
            train_dataset=rows(train),
            eval_dataset=rows(dev[: recipe.judge_rows]),
            loss=MultipleNegativesRankingLoss(model),
        )


def _reranker_trainer(
    recipe: SentenceRecipe, run: Run, train: Sequence[Row], dev: Sequence[Row], base: Path, batch: int, more: int
) -> Any:
    import torch
    from datasets import Dataset
    from sentence_transformers import CrossEncoder
    from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
    from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss

    def rows(chosen: Sequence[Row]) -> Any:
        return Dataset.from_list([pair for row in chosen for pair in _judged_pairs(row, recipe.negatives)])

    torch.manual_seed(recipe.seed)  # the new head begins alike in every run of a recipe
    with calm():
        model: Any = CrossEncoder(
            str(base), num_labels=1, max_length=recipe.max_length, device="cuda" if on_gpu() else "cpu"
        )
        return on_our_disk(CrossEncoderTrainer, run)(
            model=model,
            args=CrossEncoderTrainingArguments(**_arguments(recipe, run, batch, more)),
            train_dataset=rows(train),
            eval_dataset=rows(dev),
            loss=BinaryCrossEntropyLoss(model),
        )


def _arguments(recipe: SentenceRecipe, run: Run, batch: int, more: int) -> dict[str, Any]:
    return {**arguments(recipe, run, batch, more), "include_num_input_tokens_seen": "no"}


def _judged_pairs(row: Row, negatives: int) -> list[dict[str, Any]]:
    """The right passages, and the wrong ones that share the most words with the question."""
    question, gold = row.values["question"], set(row.values["gold"])
    by_words = sorted(enumerate(_by_words(row)), key=lambda pair: -pair[1])
    wrong = [number for number, _ in by_words if number not in gold][:negatives]
    texts = row.values["passages"]
    return [
        {"query": question, "passage": passage_text(texts[number]), "label": float(number in gold)}
        for number in [*sorted(gold), *wrong]
    ]


def _ranks(folder: Path, pairs: Sequence[tuple[str, str]], recipe: SentenceRecipe) -> list[int]:
    """At which rank (0 first) each pair's second text is found by its first, among all of them."""
    import numpy as np

    with calm():
        model = _encoder(folder, recipe)
        options = {"normalize_embeddings": True, "show_progress_bar": False, "batch_size": recipe.batch}
        first = model.encode([pair[0] for pair in pairs], **options)
        second = model.encode([pair[1] for pair in pairs], **options)
    likeness = np.asarray(first) @ np.asarray(second).T
    own = np.diag(likeness)[:, None]
    return [int(rank) for rank in (likeness > own).sum(axis=1)]


def _encoder(folder: Path, recipe: SentenceRecipe) -> Any:
    """The encoder in `folder`, pooling by the mean and with unit vectors where it says nothing else."""
    import sentence_transformers as st

    device = "cuda" if on_gpu() else "cpu"
    if (folder / "modules.json").is_file():
        model: Any = st.SentenceTransformer(str(folder), device=device)
        model.max_seq_length = recipe.max_length
        return model
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    words: Any = Transformer(str(folder), max_seq_length=recipe.max_length)
    parts = [words, Pooling(_width(words)), Normalize()]
    return st.SentenceTransformer(modules=parts, device=device)


def _gains(before: Sequence[int], after: Sequence[int]) -> dict[str, float]:
    """Metrics of two lists of ranks of the same rows."""

    def reciprocal(ranks: Sequence[int]) -> list[float]:
        return [1 / (rank + 1) if rank < 10 else 0.0 for rank in ranks]

    found = change("mrr", reciprocal(before), reciprocal(after))
    return {
        **found,
        **change("recall_at_1", [float(rank == 0) for rank in before], [float(rank == 0) for rank in after]),
        "judged": len(after),
    }


def _first_gold(row: Row, scored: Sequence[float]) -> int:
    """The rank of the best right passage; one that ties with a wrong one stands behind it."""
    gold = set(row.values["gold"])
    best = max(scored[number] for number in gold)
    return sum(score >= best for number, score in enumerate(scored) if number not in gold)


def _by_words(row: Row) -> list[float]:
    return [coverage(row.values["question"], [passage_text(passage)]) for passage in row.values["passages"]]


def _pair(row: Row) -> tuple[str, str]:
    values = row.values
    if "anchor" in values:
        return values["anchor"], values["positive"]
    if "gold" in values:
        return values["question"], passage_text(values["passages"][values["gold"][0]])
    return values["question"], values["context"]


def _document(values: Values) -> str:
    return str(values.get("document") or values.get("context") or values.get("positive") or values.get("question"))


def _length(pair: tuple[str, str], tokenizer: Any) -> tuple[int, int]:
    sizes = [len(tokenizer(text, add_special_tokens=False).input_ids) for text in pair]
    return max(sizes) + 2, min(sizes)


def _width(words: Any) -> int:
    return int(words.auto_model.config.hidden_size)
