"""Scorers against the reference implementations: sacrebleu, rouge_score, scikit-learn, jsonschema, SQuAD's script."""

from __future__ import annotations

import collections
import random
import re
import string
from typing import Any

import pytest

from eval.sample import Sample, Score
from eval.scorers import make_scorer
from eval.scorers.base import Scorer, Tools
from eval.squad import exact, f1, normalise
from eval.target import Output

HYPOTHESES = [
    "The cat sat on the mat.",
    "A quick brown fox jumps over the dog",
    "It is raining cats and dogs today, they say.",
    "completely different words here",
    "short",
]
REFERENCES = [
    ["The cat is sitting on the mat.", "A cat sat upon the mat."],
    ["The quick brown fox jumps over the lazy dog", "A fast brown fox leaps over a dog"],
    ["It rains cats and dogs today, it is said.", "Today it is raining heavily."],
    ["nothing in common with that", "unrelated"],
    ["a rather longer reference than the answer", "short"],
]


def scored(scorer: Scorer, hypotheses: list[str], references: list[Any]) -> list[Score]:
    return [
        scorer.score(Sample(id="1", input="?", target=reference), Output(text=hypothesis), Tools())
        for hypothesis, reference in zip(hypotheses, references, strict=True)
    ]


def figure(scorer: Scorer, name: str, scores: list[Score]) -> float:
    metric = next(metric for metric in scorer.metrics() if metric.name == name)
    return float(metric.combine(metric.parts(scores).sum(axis=0)))


@pytest.mark.parametrize("last", [2, 3, 5])
def test_bleu_is_sacrebleus(last: int) -> None:
    from sacrebleu.metrics import BLEU

    scorer = make_scorer("bleu", {})
    hypotheses, references = HYPOTHESES[:last], REFERENCES[:last]
    wanted = BLEU().corpus_score(hypotheses, [list(column) for column in zip(*references, strict=True)])
    assert figure(scorer, "bleu", scored(scorer, hypotheses, references)) == pytest.approx(wanted.score / 100)


def test_bleu_without_long_matches_is_smoothed_as_sacrebleu_does() -> None:
    from sacrebleu.metrics import BLEU

    scorer = make_scorer("bleu", {})
    hypotheses, references = (
        ["the cat ran far away", "a dog ran off"],
        [["the cat sat down there"], ["one dog slept in"]],
    )
    wanted = BLEU().corpus_score(hypotheses, [[reference[0] for reference in references]])
    assert wanted.score > 0
    assert figure(scorer, "bleu", scored(scorer, hypotheses, references)) == pytest.approx(wanted.score / 100)


def test_chrf_is_sacrebleus() -> None:
    from sacrebleu.metrics import CHRF

    scorer = make_scorer("chrf", {})
    columns = [list(column) for column in zip(*REFERENCES, strict=True)]
    wanted = CHRF().corpus_score(HYPOTHESES, columns).score / 100
    scores = scored(scorer, HYPOTHESES, REFERENCES)
    assert figure(scorer, "chrf", scores) == pytest.approx(wanted, abs=1e-6)
    alone = CHRF().sentence_score(HYPOTHESES[0], REFERENCES[0]).score / 100
    assert scores[0].value == pytest.approx(alone, abs=1e-6)


def test_rouge_is_googles() -> None:
    from rouge_score.rouge_scorer import RougeScorer

    scorer = make_scorer("rouge", {})
    wanted = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True).score_multi(REFERENCES[0], HYPOTHESES[0])
    found = scored(scorer, HYPOTHESES[:1], REFERENCES[:1])[0].metadata
    assert found == pytest.approx({kind: score.fmeasure for kind, score in wanted.items()})


def test_rouge_l_by_hand() -> None:
    """Longest common subsequence "the cat on the mat": 5 of 6 and of 7 words."""
    found = scored(make_scorer("rouge", {"stemmer": False}), HYPOTHESES[:1], [REFERENCES[0][0]])[0]
    assert found.value == pytest.approx(2 * 5 / (6 + 7))


def test_macro_f1_is_scikit_learns() -> None:
    from sklearn.metrics import accuracy_score, f1_score

    draw = random.Random(0)  # noqa: S311
    gold = [draw.choice("abcd") for _ in range(200)]
    said = [draw.choice("abcd") if draw.random() < 0.4 else label for label in gold]
    scorer = make_scorer("classification", {})
    scores = scored(scorer, said, gold)
    assert figure(scorer, "accuracy", scores) == pytest.approx(accuracy_score(gold, said))
    assert figure(scorer, "macro_f1", scores) == pytest.approx(f1_score(gold, said, average="macro"))


def test_balanced_accuracy_is_scikit_learns() -> None:
    from sklearn.metrics import balanced_accuracy_score

    from graphs.answer import Grounding

    draw, scorer = random.Random(1), make_scorer("detection", {})  # noqa: S311
    labels, chances = [draw.randint(0, 1) for _ in range(100)], [draw.random() for _ in range(100)]
    scores = [
        scorer.score(
            Sample(id="1", input="?", metadata={"label": label}),
            Output(grounding=Grounding(score=chance, label="supported")),
            Tools(),
        )
        for label, chance in zip(labels, chances, strict=True)
    ]
    wanted = balanced_accuracy_score(labels, [int(chance < 0.5) for chance in chances])
    assert figure(scorer, "balanced_accuracy", scores) == pytest.approx(wanted)


def official_normalise(text: str) -> str:
    """As in SQuAD's evaluate-v2.0.py."""
    lowered = text.lower()
    without = "".join(letter for letter in lowered if letter not in set(string.punctuation))
    return " ".join(re.compile(r"\b(a|an|the)\b", re.UNICODE).sub(" ", without).split())


def official_f1(gold: str, predicted: str) -> float:
    """As in SQuAD's evaluate-v2.0.py."""
    gold_tokens, tokens = official_normalise(gold).split(), official_normalise(predicted).split()
    common = collections.Counter(gold_tokens) & collections.Counter(tokens)
    same = sum(common.values())
    if len(gold_tokens) == 0 or len(tokens) == 0:
        return float(gold_tokens == tokens)
    if same == 0:
        return 0.0
    precision, recall = same / len(tokens), same / len(gold_tokens)
    return 2 * precision * recall / (precision + recall)


def test_squads_measures_are_the_official_scripts() -> None:
    texts = [
        "The Normans",
        "normans!",
        "a an the",
        "",
        "10th and 11th centuries",
        "in the 10th century",
        "U.S.A.",
        "An  apple",
    ]
    for gold in texts:
        for predicted in texts:
            assert normalise(gold) == official_normalise(gold)
            assert f1(predicted, [gold]) == pytest.approx(official_f1(gold, predicted))
            assert exact(predicted, [gold]) == float(official_normalise(gold) == official_normalise(predicted))


def test_validity_is_jsonschemas() -> None:
    import json

    from jsonschema import Draft202012Validator

    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}}, "additionalProperties": False}
    scorer = make_scorer("json_schema", {"schema": schema})
    for value in ({"n": 3}, {"n": 2}, {"n": "3"}, {"m": 1}, [], {}):
        found = scored(scorer, [json.dumps(value)], [None])[0]
        assert found.value == float(Draft202012Validator(schema).is_valid(value))
