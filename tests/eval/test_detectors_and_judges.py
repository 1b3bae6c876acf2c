"""The quality of the checker as a detector, the agreement of a judge, and what counts as hallucinated."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from assistant.cli.main import run
from assistant.evidence.checker import FeatureChecker
from eval.detector import Labelled, detect, held_out, labelled_rows, quality
from eval.judging import Pair, agreement, judge_pair
from eval.sample import Sample
from eval.scorers import make_scorer
from eval.scorers.base import Tools
from eval.target import Output
from graphs.answer import Answer, Grounding, RouteDecision
from graphs.errors import ModelTimeoutError, UsageError

ROWS = [
    Labelled("good one", "e1", True, "a"),
    Labelled("good two", "e2", True, "b"),
    Labelled("bad one", "e3", False, "a"),
    Labelled("bad looks good", "e4", False, "b"),
]


class WordChecker:
    """Believes whatever has the word "good"."""

    def check(self, text: str, evidence: Sequence[str]) -> Grounding:
        return Grounding(score=0.9 if "good" in text else 0.1, label="supported" if "good" in text else "unsupported")


def test_detector_figures_by_hand() -> None:
    found = quality(ROWS, detect(WordChecker(), ROWS))
    metrics = {name: figure["value"] for name, figure in found["metrics"].items()}
    assert metrics["supported_kept"] == 1.0
    assert metrics["unsupported_found"] == 0.5
    assert metrics["balanced_accuracy"] == 0.75
    assert metrics["auc"] == 0.75
    # three at 0.9 of which two are supported, one at 0.1 that is not: (|2.7 - 2| + |0.1 - 0|) / 4
    assert metrics["ece"] == pytest.approx(0.2)
    assert set(found["parts"]) == {"a", "b"}


def test_held_out_sources_are_about_a_third_and_always_the_same() -> None:
    chosen = [held_out(f"source {n}") for n in range(1000)]
    assert 250 < sum(chosen) < 350
    assert chosen == [held_out(f"source {n}") for n in range(1000)]


def test_only_sources_the_weights_never_saw_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"source": f"source {n}", "prompt": "p", "response": "r", "label": n % 2, "domain": "news"} for n in range(50)
    ]
    (tmp_path / "summedits.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    monkeypatch.setenv("CROSSROADS_DATA", str(tmp_path))
    found = labelled_rows("summedits")
    assert len(found) == sum(held_out(str(row["source"])) for row in rows)
    assert {row.supported for row in found} == {True, False}


def test_the_command_measures_the_shipped_checker(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from assistant.resources import Resources

    monkeypatch.setenv("CROSSROADS_DATA", str(data_folder))
    monkeypatch.setattr(Resources, "_load_checker", lambda self: FeatureChecker())
    assert run(["eval", "detector", "detect_train", "--limit", "120", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["sets"]["detect_train"]["metrics"]
    assert found["balanced_accuracy"]["value"] > 0.6
    assert found["balanced_accuracy"]["n"] == 120


def test_an_unknown_set_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CROSSROADS_DATA", str(tmp_path))
    assert run(["eval", "detector", "nothing"]) == 2


PAIRS = [Pair(str(n), "Say yes.", "yes", "no", "one" if n % 2 else "two") for n in range(8)]


def test_a_judge_who_thinks_as_people_do_agrees() -> None:
    def judge(prompt: str) -> str:
        return "A" if prompt.index("\nyes\n") < prompt.index("\nno\n") else "B"

    found = agreement(judge, PAIRS)
    assert found["metrics"]["agreement"]["value"] == 1.0
    assert found["metrics"]["consistent"]["value"] == 1.0
    assert found["sources"]["one"]["n"] == 4


def test_a_judge_who_always_takes_the_first_agrees_with_nobody() -> None:
    score = judge_pair(lambda _: "A", PAIRS[0])
    assert (score.value, score.metadata["points"], score.metadata["consistent"]) == (0.0, 0.5, 0.0)


def test_a_judge_that_fails_stays_in_the_denominator() -> None:
    calls = iter(range(99))

    def judge(prompt: str) -> str:
        if next(calls) % 2:
            raise ModelTimeoutError("The judge does not answer.", "Start it.")
        return "A" if prompt.index("\nyes\n") < prompt.index("\nno\n") else "B"

    found = agreement(judge, PAIRS)["metrics"]
    assert found["agreement"] == {"value": 0.0, "low": pytest.approx(0.0), "high": found["agreement"]["high"], "n": 8}
    assert found["failed"]["value"] == 1.0


def test_the_command_measures_a_judge_and_remembers_it(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"id": n, "prompt": "p", "chosen": "c", "rejected": "r", "source": "s", "split": "test"} for n in range(4)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    line = ["eval", "judge", "--pairs", str(tmp_path / "pairs.jsonl"), "--set", "models.judge=fake:script?text=B"]
    assert run([*line, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["agreement"]["value"] == 0.5
    assert "fake:script?text=B" in json.loads((home / "judge.json").read_text(encoding="utf-8"))


def test_without_a_judge_there_is_nothing_to_measure() -> None:
    assert run(["eval", "judge"]) == 2


def hallucination(text: str, **sample: object) -> dict[str, float]:
    scorer = make_scorer("hallucination", {})
    asked = Sample(id="a", input="?", **sample)  # type: ignore[arg-type]
    abstained = text.startswith("I don't know")
    answer = Answer(text=text, abstained=abstained, route=RouteDecision(path="zero_shot", reason="r", confidence=1))
    score = scorer.score(asked, Output(text=text, answer=answer), Tools(checker=FeatureChecker))
    found = {}
    for metric in scorer.metrics():
        found[metric.name] = float(metric.combine(metric.parts([score]).sum(axis=0)))
    return found


EVIDENCE = ["The tower was built in 1889. It is 330 metres tall."]


def test_what_evidence_says_is_not_hallucinated() -> None:
    found = hallucination("The tower is 330 metres tall.", contexts=EVIDENCE)
    assert (found["hallucinated_answers"], found["hallucinated_with_evidence"]) == (0.0, 0.0)


def test_one_wrong_sentence_of_two_is_half() -> None:
    found = hallucination("The tower was built in 1889. It is 210 metres tall.", contexts=EVIDENCE)
    assert (found["hallucinated_answers"], found["hallucinated_sentences"]) == (1.0, 0.5)


def test_a_claim_without_any_evidence_is_hallucinated() -> None:
    found = hallucination("It costs 9 dollars.", contexts=EVIDENCE, metadata={"answerable": False})
    assert found["hallucinated_without_evidence"] == 1.0


def test_not_knowing_claims_nothing() -> None:
    found = hallucination("I don't know.", contexts=EVIDENCE, metadata={"answerable": False})
    assert found["hallucinated_without_evidence"] == 0.0


def test_the_scorer_needs_a_checker() -> None:
    with pytest.raises((UsageError, ValueError), match="checker"):
        make_scorer("hallucination", {}).score(Sample(id="a", input="?"), Output(text="x"), Tools())
