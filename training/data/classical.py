"""What one does without a neural network: bags of words, TF-IDF, static embeddings, and classifiers on them.

They are baselines: a tuned model that does not beat them is not worth its cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from graphs.errors import UsageError
from training.data.clean import side_of
from training.data.rows import Row, field_of, rows_of, text_of
from training.data.words import content_words, words

Features = Literal["bag", "tfidf", "lemmas", "static"]
FEATURES: tuple[Features, ...] = ("bag", "tfidf", "lemmas", "static")


def vectoriser(features: Features, language: str = "en") -> Any:
    """What turns texts into vectors (scikit-learn): counts of words, TF-IDF of words and pairs, of lemmas without stop
    words, or the mean of static vectors learnt from the texts themselves."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.pipeline import make_pipeline

    if features == "bag":
        return CountVectorizer(analyzer=words)
    if features == "tfidf":
        return TfidfVectorizer(
            tokenizer=words, token_pattern=None, lowercase=False, ngram_range=(1, 2), sublinear_tf=True
        )
    if features == "lemmas":
        return TfidfVectorizer(analyzer=lambda text: content_words(text, language), sublinear_tf=True)
    return make_pipeline(TfidfVectorizer(analyzer=words, sublinear_tf=True), TruncatedSVD(100, random_state=0))


def baseline(
    sources: Sequence[str], text: str = "text", label: str = "label", held_out: float = 0.2, seed: int = 13
) -> dict[str, Any]:
    """Logistic regression on each kind of features: accuracy and macro F1 on held-out texts, beside the majority.

    Raises `UsageError` where a column is missing or there is one class only.
    """
    rows = [(text_of(row, text), str(field_of(row, label)), row) for row in rows_of(sources)]
    learn, judged = _split(rows, held_out, seed)
    results: dict[str, Any] = {name: _judge(name, learn, judged) for name in FEATURES}
    labels = [label for _, label in judged]
    common = max(set(labels), key=[label for _, label in learn].count)
    results["majority"] = _figures([common] * len(labels), labels)
    return {"train": len(learn), "held_out": len(judged), "classes": len({label for _, label in learn}), **results}


def _split(rows: list[tuple[str, str, Row]], held_out: float, seed: int) -> tuple[list[Any], list[Any]]:
    learn = [(text, label) for text, label, _ in rows if side_of(text, held_out, 0, seed) == "train"]
    judged = [(text, label) for text, label, _ in rows if side_of(text, held_out, 0, seed) == "dev"]
    classes = {label for _, label in learn}
    if len(classes) < 2 or not judged:
        there = f"only the label {next(iter(classes))!r}" if len(classes) == 1 else f"{len(rows)} rows"
        raise UsageError(
            f"There are {there}: nothing to tell apart.", "Give rows of at least two labels, twenty or more."
        )
    return learn, judged


def _judge(features: Features, learn: list[tuple[str, str]], judged: list[tuple[str, str]]) -> dict[str, float]:
    from sklearn.linear_model import LogisticRegression

    made = vectoriser(features)
    if features == "static":
        _fit_components(made, learn)
    learnt = made.fit_transform([text for text, _ in learn])
    model = LogisticRegression(max_iter=1000, C=10.0).fit(learnt, [label for _, label in learn])
    said = model.predict(made.transform([text for text, _ in judged]))
    return _figures([str(one) for one in said], [label for _, label in judged])


def _fit_components(made: Any, learn: list[tuple[str, str]]) -> None:
    """No more components than there are words."""
    size = len({word for text, _ in learn for word in words(text)})
    made.set_params(truncatedsvd__n_components=max(1, min(100, size - 1, len(learn) - 1)))


def _figures(said: Sequence[str], right: Sequence[str]) -> dict[str, float]:
    from sklearn.metrics import f1_score

    accuracy = sum(one == other for one, other in zip(said, right, strict=True)) / len(right)
    macro = f1_score(right, said, average="macro", zero_division=0)
    return {"accuracy": round(accuracy, 4), "macro_f1": round(float(macro), 4)}
