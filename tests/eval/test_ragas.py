"""RAGAS's metrics one by one, with judges that answer, that babble, and that fail."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest

from eval.ragas_bridge import JUDGED, METRICS, Row, json_in, measure
from eval.sample import Sample
from eval.scorers import make_scorer
from eval.scorers.base import Tools
from eval.scorers.ragas import Ragas, RagasJudged
from eval.target import Output
from graphs.answer import Passage
from graphs.errors import ModelTimeoutError, UsageError
from tests.assistant.home_fakes import WordEmbeddings

ROW = Row(
    question="How tall is the tower?",
    answer='The tower is "330 metres tall".',
    reference="The tower is 330 metres tall.",
    contexts=("The tower is 330 metres tall and was built in 1889.", "Rivers are long."),
    reference_contexts=("The tower is 330 metres tall and was built in 1889.",),
)


def judge_of(*verdicts: int) -> Callable[[str], str]:
    """A judge that finds as many statements as there are verdicts, and judges them so; in a fence, as judges do."""
    places = iter(verdicts)

    def judge(prompt: str) -> str:
        wanted = json.loads(prompt.rsplit("nothing else:\n", 1)[1])["title"]
        statements = [f"statement {n}" for n in range(len(verdicts))]
        said = {
            "StatementGeneratorOutput": {"statements": statements},
            "NLIStatementOutput": {
                "statements": [
                    {"statement": text, "reason": "because", "verdict": value}
                    for text, value in zip(statements, verdicts, strict=True)
                ]
            },
            "AnswerRelevanceOutput": {"question": ROW.question, "noncommittal": 0},
            "ContextRecallOutput": {
                "classifications": [
                    {"statement": text, "reason": "because", "attributed": value}
                    for text, value in zip(statements, verdicts, strict=True)
                ]
            },
        }
        if wanted == "ContextPrecisionOutput":
            return json.dumps({"reason": "because", "verdict": next(places)})
        return f"Here it is:\n```json\n{json.dumps(said[wanted])}\n```"

    return judge


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("exact_match", 0.0),
        ("string_presence", 0.0),
        ("quoted_spans", 1.0),
        ("context_recall_by_words", 1.0),
        ("context_precision_by_words", 1.0),
    ],
)
def test_metrics_without_a_judge(name: str, value: float) -> None:
    assert measure(name, ROW) == pytest.approx(value)


@pytest.mark.parametrize("name", ["string_similarity", "bleu", "rouge", "chrf", "semantic_similarity"])
def test_a_nearly_equal_answer_scores_high_and_another_low(name: str) -> None:
    other = Row(question=ROW.question, answer="Bananas!", reference=ROW.reference)
    encoder = WordEmbeddings()
    assert measure(name, ROW, encoder=encoder) > 0.3 > measure(name, other, encoder=encoder)


@pytest.mark.parametrize(
    ("name", "verdicts", "value"),
    [
        ("faithfulness", (1, 0, 1, 1), 3 / 4),
        ("context_recall", (1, 0), 1 / 2),
        ("context_precision", (0, 1), 1 / 2),
        ("answer_relevancy", (1,), 1.0),
    ],
)
def test_metrics_with_a_judge(name: str, verdicts: tuple[int, ...], value: float) -> None:
    assert measure(name, ROW, judge_of(*verdicts), WordEmbeddings()) == pytest.approx(value, abs=1e-6)


def test_there_are_four_metrics_that_ask_a_judge() -> None:
    assert set(JUDGED) == {"faithfulness", "answer_relevancy", "context_precision", "context_recall"}


def test_without_a_judge_a_judged_metric_is_refused() -> None:
    with pytest.raises(UsageError, match=r"models\.judge"):
        measure("faithfulness", ROW)


def scored(judge: Callable[[str], str], output: Output) -> tuple[float, dict[str, object]]:
    tools = Tools(judge=judge, encoder=WordEmbeddings)
    sample = Sample(id="a", input=ROW.question, target=ROW.reference)
    score = RagasJudged(use=("faithfulness", "answer_relevancy")).score(sample, output, tools)
    return score.value, score.metadata


def output_with_passage() -> Output:
    passage = Passage(chunk_id="c", document_id="d", source="s", title="t", text=ROW.contexts[0], start=0, end=9)
    return Output(text=ROW.answer, passages=[passage])


def test_a_judge_that_writes_no_json_counts_as_a_failure() -> None:
    value, about = scored(lambda _: "I would rather not.", output_with_passage())
    assert (value, about["failed"]) == (0.0, 2)


def test_a_judge_that_fails_counts_as_a_failure() -> None:
    def down(prompt: str) -> str:
        raise ModelTimeoutError("The judge does not answer.", "Start it.")

    assert scored(down, output_with_passage()) == (0.0, {"faithfulness": 0.0, "answer_relevancy": 0.0, "failed": 2})


def test_an_answer_without_context_stays_in_the_denominator() -> None:
    value, about = scored(judge_of(1), Output(text=ROW.answer))
    assert about["faithfulness"] == 0.0
    assert value == pytest.approx(0.5)
    (faithfulness, _) = RagasJudged(use=("faithfulness", "answer_relevancy")).metrics()
    sample = Sample(id="a", input=ROW.question, target=ROW.reference)
    rows = [RagasJudged().score(sample, each, Tools(judge=judge_of(1), encoder=WordEmbeddings)) for each in (
        Output(text=ROW.answer), output_with_passage())]  # fmt: skip
    parts = faithfulness.parts(rows)
    assert float(faithfulness.combine(parts.sum(axis=0))) == pytest.approx(0.5)


def test_a_failed_target_is_zero_in_every_metric() -> None:
    score = Ragas().failure(Sample(id="a", input="?", target="!"))
    assert not math.isnan(score.value)
    assert set(score.metadata.values()) == {0.0}


def test_an_unknown_metric_is_refused_when_the_suite_is_read() -> None:
    with pytest.raises(UsageError, match="taste"):
        make_scorer("ragas", {"use": ["taste"]})


@pytest.mark.parametrize("reply", ['{"a": 1}', 'Sure! {"a": 1} Bye.', '```json\n{"a": 1}\n```', '```\n{"a": 1}\n```'])
def test_json_is_found_in_a_reply(reply: str) -> None:
    assert json.loads(json_in(reply)) == {"a": 1}


def test_ragas_tells_nobody() -> None:
    import os

    assert METRICS
    assert os.environ["RAGAS_DO_NOT_TRACK"] == "true"
