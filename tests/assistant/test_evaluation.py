"""Evaluation of a whole assistant made of words: what breaks it is caught by the gate, or there is no verdict."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assistant.app import Assistant
from assistant.cli import main
from assistant.cli.eval_run import measure
from assistant.evaluation import homes
from assistant.evaluation.identity import identity_of
from assistant.resources import Lazy
from eval.gate import judge_folders
from eval.sample import Sample, Score
from eval.suite import Suite
from eval.target import TargetSpec
from graphs.errors import TooLongError
from tests.assistant.home_fakes import ListKnowledge, open_fake
from tests.eval.fakes import dataset

TOPICS = [
    "warranty", "delivery", "refund", "parking", "canteen", "holiday", "travel", "printer", "badge", "library",
    "insurance", "pension", "laptop", "phone", "garden", "kitchen", "elevator", "archive", "newsletter", "training",
    "bicycle", "locker", "uniform", "overtime",
]  # fmt: skip
FACTS = {topic: f"The {topic} rule number {number} applies from Monday." for number, topic in enumerate(TOPICS)}
ASKED = [
    Sample(
        id=topic,
        input=f"Which number has the {topic} rule?",
        target=f"rule number {number}",
        metadata={"evidence": FACTS[topic], "answerable": True},
    )
    for number, topic in enumerate(TOPICS)
]
SUITE = Suite(
    name="words",
    dataset="made.jsonl",
    scorers=["answerability", "citations", "f1", "own_words"],
    watch=["answered", "citation_recall", "token_recall", "own_words"],
    thresholds={"answered": 0.5},
)


class Searching(ListKnowledge):
    """Finds the texts that share a rare word with the question; `noise` finds the wrong ones instead."""

    noise = False

    def retriever(self, collection: str = "", *, by_words: bool = False) -> Any:
        from tests.assistant.home_fakes import ListRetriever, _document

        owner = self

        class Retriever(ListRetriever):
            def _get_relevant_documents(self, query: str, *, run_manager: Any = None) -> Any:
                hit = [n for n, topic in enumerate(TOPICS) if f" {topic} " in query]
                shown = [(n + 7) % len(TOPICS) for n in hit] if owner.noise else hit
                return [_document(n, owner.texts[n]) for n in shown]

        return Retriever(texts=self.texts)


def opened(home: Path, chat: str = "fake:reader", *, noise: bool = False) -> Assistant:
    assistant = open_fake(home, list(FACTS.values()), chat)
    knowledge = Searching(list(FACTS.values()))
    knowledge.noise = noise
    assistant.resources._list = knowledge  # type: ignore[attr-defined]
    return assistant


def measured(home: Path, folder: Path, cache: Path | None = None, **how: Any) -> Any:
    with opened(home, **how) as assistant:
        return measure(assistant, SUITE, dataset(ASKED), folder, cache=cache)


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("baseline")
    record = measured(folder / "home", folder / "run")
    assert record.metrics["answered"].value == 1.0
    assert record.metrics["token_recall"].value > 0.8
    return folder / "run"


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "pass"),
    "a prompt the model answers with nonsense": ({"chat": "fake:script?text=Bananas are yellow."}, "fail"),
    "a retriever that returns noise": ({"noise": True}, "fail"),
    "an unplugged model": ({"chat": "fake:fail-unreachable"}, "none"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_on_purpose_does_not_pass(what: str, baseline: Path, tmp_path: Path) -> None:
    how, verdict = BROKEN[what]
    measured(tmp_path / "home", tmp_path / "run", **how)
    assert judge_folders(tmp_path / "run", baseline).verdict == verdict


def test_an_unchanged_rerun_asks_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache.db"
    measured(tmp_path / "home", tmp_path / "1", cache)
    monkeypatch.setattr(Assistant, "stream", None)
    record = measured(tmp_path / "home", tmp_path / "2", cache)
    assert (record.cached, record.failed) == (len(ASKED), 0)


CHANGES: dict[str, Callable[[Assistant], Any]] = {
    "settings": lambda assistant: setattr(
        assistant,
        "settings",
        assistant.settings.model_copy(
            update={"answering": assistant.settings.answering.model_copy(update={"refuse": 0.9})}
        ),
    ),
    "documents": lambda assistant: assistant.catalogue.texts.append("more"),  # type: ignore[attr-defined]
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_identity_changes_with_what_matters(what: str, home: Path) -> None:
    with open_fake(home) as assistant:
        before = identity_of(assistant, TargetSpec())
        assert identity_of(assistant, TargetSpec()) == before
        CHANGES[what](assistant)
        assert identity_of(assistant, TargetSpec()) != before


@pytest.mark.parametrize("kind", ["model", "routing", "grounding"])
def test_every_kind_of_target_answers(kind: Any, home: Path, tmp_path: Path) -> None:
    scorer = {"model": "f1", "routing": "classification", "grounding": "detection"}[kind]
    suite = Suite(name="kinds", dataset="x", target={"kind": kind}, scorers=[scorer])
    rows = [Sample(id="1", input="Hello there!", target="zero_shot", contexts=["x"], metadata={"label": 0})]
    with open_fake(home) as assistant:
        record = measure(assistant, suite, dataset(rows), tmp_path / "run", cache=None)
    assert (record.failed, record.n) == (0, 1)


@pytest.fixture
def here(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The commands find the assistant made of words."""
    monkeypatch.setattr(homes, "open_for", lambda settings, *_: opened(settings.home))
    rows = "".join(json.dumps(sample.model_dump()) + "\n" for sample in ASKED)
    Path("words.jsonl").write_text(rows, encoding="utf-8")
    Path("words.yaml").write_text(
        "name: words\ndataset: words.jsonl\nscorers: [answerability, f1]\nthresholds: {answered: 0.5}\n",
        encoding="utf-8",
    )
    return home


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_an_unchanged_rerun_opens_no_assistant(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither models nor the store nor LangChain: what is asked again is in the cache, and that alone is read."""
    assert main.run(["eval", "run", "words.yaml", "--out", "1", "--json"]) == 0
    before = printed(capsys)
    monkeypatch.setattr(homes, "open_for", lambda *_: pytest.fail("the assistant was opened"))
    assert main.run(["eval", "run", "words.yaml", "--out", "2", "--json"]) == 0
    again = printed(capsys)
    assert (again["cached"], again["metrics"]) == (len(ASKED), before["metrics"])


def test_a_bare_local_model_is_asked_in_batches(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from langchain_core.messages import AIMessage

    from assistant.evaluation.targets import TOGETHER, AssistantTarget

    batches: list[int] = []

    class Model:
        def answer_together(self, conversations: Any, **options: Any) -> list[AIMessage]:
            assert options == {"max_tokens": 5}
            batches.append(len(conversations))
            if len(conversations) == 2:
                raise TooLongError("It does not fit.", "Shorten it.")
            return [AIMessage(messages[-1].content.upper()) for messages in conversations]

        def invoke(self, messages: Any, **options: Any) -> AIMessage:
            if messages[-1].content == "Say number 9":
                raise TooLongError("It does not fit.", "Shorten it.")
            return AIMessage("alone")

    spec = TargetSpec(kind="model", model="local:words", max_tokens=5, template="Say {input}")
    samples = [Sample(id=str(number), input=f"number {number}") for number in range(TOGETHER + 2)]
    with open_fake(home) as assistant:
        monkeypatch.setattr(assistant.resources, "chat", lambda name: Lazy(Model))
        target = AssistantTarget(spec, lambda: assistant, assistant)
        assert target.batch == TOGETHER
        outputs = target.ask(samples[:TOGETHER], 0, threading.Event())
        assert [output.text for output in outputs] == [f"SAY NUMBER {number}" for number in range(TOGETHER)]
        last = target.ask(samples[TOGETHER:], 0, threading.Event())
        assert [(output.text, output.failed) for output in last] == [("alone", False), ("", True)]
    assert batches == [TOGETHER, 2]


@pytest.mark.parametrize(
    "spec",
    [TargetSpec(), TargetSpec(kind="model", model="openai:gpt"), TargetSpec(kind="model", temperature=0.7)],
    ids=["assistant", "remote", "sampled"],
)
def test_what_cannot_be_batched_is_asked_one_by_one(spec: TargetSpec, home: Path) -> None:
    from assistant.evaluation.targets import AssistantTarget

    with open_fake(home) as assistant:
        assert AssistantTarget(spec, lambda: assistant, assistant).batch == 1


def test_a_row_says_how_it_is_asked_and_what_was_written_is_kept(home: Path) -> None:
    from assistant.evaluation.asking import ask_sample

    ways = [{}, {"path": "zero_shot"}, {"effort": "quick"}]
    samples = [ASKED[0].model_copy(update={"metadata": {"ask": how}}) for how in ways]
    with opened(home, "fake:script?text=Bananas are yellow.") as assistant:
        found = [ask_sample(assistant, TargetSpec(path="rag"), one, 0, threading.Event()) for one in samples]
    assert [output.route.path for output in found if output.route] == ["rag", "zero_shot", "rag"]
    assert [output.draft for output in found] == ["Bananas are yellow.", "", ""]  # replaced, stood, never written
    assert found[0].answer is not None
    assert found[0].answer.quoted


def test_run_and_gate_as_commands(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["eval", "run", "words.yaml", "--out", "1", "--json"]) == 0
    found = printed(capsys)
    assert {"run", "suite", "n", "failed", "metrics", "seconds"} <= set(found)
    assert {"value", "low", "high", "n"} <= set(found["metrics"]["answered"])
    assert main.run(["eval", "run", "--from", "1", "--out", "2", "--json"]) == 0
    assert printed(capsys)["cached"] == len(ASKED)
    assert main.run(["eval", "gate", "2", "--baseline", "1", "--json", "--out", "v.xml", "--format", "junit"]) == 0
    assert printed(capsys)["verdict"] == "pass"
    assert "<testsuite" in Path("v.xml").read_text(encoding="utf-8")
    Path("words.yaml").write_text(Path("words.yaml").read_text().replace("0.5", "{max: 0.2}"), encoding="utf-8")
    assert main.run(["eval", "run", "words.yaml", "--limit", "22", "--out", "3", "--json"]) == 0
    capsys.readouterr()
    assert main.run(["eval", "gate", "3"]) == 1
    assert main.run(["eval", "run", "words.yaml", "--limit", "3", "--out", "4", "--json"]) == 0
    assert main.run(["eval", "gate", "4"]) == 2


def test_samples_can_be_a_table(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever reads a run takes either; the table can be filtered by what stands in its columns."""
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    assert main.run(["eval", "run", "words.yaml", "--out", "1"]) == 0
    assert main.run(["eval", "run", "words.yaml", "--out", "2", "--samples", "parquet"]) == 0
    assert not Path("2", "samples.jsonl").exists()
    table = pandas.read_parquet("2/samples.parquet")
    assert list(table["id"]) == TOPICS
    assert set(table["path"]) == {"rag"}
    assert table["score_f1"].between(0, 1).all()
    assert main.run(["eval", "gate", "2", "--baseline", "1"]) == 0
    assert main.run(["eval", "run", "--from", "2", "--out", "2", "--json"]) == 0  # lines again, and no table is left
    assert [file.name for file in sorted(Path("2").iterdir())] == ["run.json", "samples.jsonl"]
    capsys.readouterr()
    assert main.run(["eval", "run", "words.yaml", "--samples", "csv"]) == 2
    assert "--samples parquet" in capsys.readouterr().err


BAD = {
    "unknown scorer": ("[answerability, f1]", "[answerability, f2]", "line 3", "no scorer 'f2'"),
    "missing file": ("words.jsonl", "nowhere.jsonl", "words.yaml, line 2", "'nowhere.jsonl' is not there"),
    "wrong columns": (
        "dataset: words.jsonl",
        "dataset: {path: words.jsonl, columns: {input: q}}",
        "line 1",
        "no column 'q'",
    ),
    "no public data": ("words.jsonl", "data:squad_none.jsonl", "words.yaml, line 2", "CROSSROADS_DATA"),
    "a scorer for no row": (
        "[answerability, f1]",
        "[answerability, injection]",
        "words.yaml, line 3",
        "'injection' applies to no sample",
    ),
    "no documents": ("scorers:", "target:\n  knowledge: gone\nscorers:", "words.yaml, line 4", "'gone' is not there"),
    "unknown path": ("scorers:", "target: {path: sideways}\nscorers:", "line 3", "target.path"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_suite_ends_with_2_before_anything_loads(
    case: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new, line, said = BAD[case]
    monkeypatch.setattr(homes, "open_for", lambda *_: pytest.fail("something was loaded"))
    Path("words.yaml").write_text(Path("words.yaml").read_text().replace(old, new), encoding="utf-8")
    assert main.run(["eval", "run", "words.yaml"]) == 2
    told = capsys.readouterr().err
    assert line in told
    assert said in told


DATA = {
    "empty": ("", "words.yaml, line 2: words.jsonl has no samples"),
    "doubled id": ('{"id": "a", "input": "?", "target": "x"}\n' * 2, "line 2: the id 'a' was used in line 1"),
    "no JSON": ('{"id": "a", "input": "?", "target": "x"}\nhello\n', "line 2 is not JSON"),
    "asked in a way there is none": (
        '{"id": "a", "input": "?", "target": "x", "ask": {"path": "sideways"}}\n',
        "words.jsonl, line 1: ask.path cannot be 'sideways'",
    ),
    "empty input": ('{"id": "a", "input": " ", "target": "x"}\n', "line 1: the input is empty"),
}


@pytest.mark.parametrize("case", DATA)
def test_bad_data_ends_with_2_before_anything_loads(
    case: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text, said = DATA[case]
    monkeypatch.setattr(homes, "open_for", lambda *_: pytest.fail("something was loaded"))
    Path("words.jsonl").write_text(text, encoding="utf-8")
    assert main.run(["eval", "run", "words.yaml"]) == 2
    assert said in capsys.readouterr().err


def test_a_target_that_fails_gives_2(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(homes, "open_for", lambda settings, *_: opened(settings.home, "fake:fail-unreachable"))
    assert main.run(["eval", "run", "words.yaml", "--out", "1"]) == 2


def test_a_target_that_times_out_gives_2_with_line_and_cure(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped = threading.Event()
    monkeypatch.setattr(Assistant, "stream", lambda self, request, cancel: stopped.wait(5))
    suite = Path("words.yaml")
    suite.write_text(suite.read_text(encoding="utf-8") + "timeout: 0.05\n", encoding="utf-8")
    assert main.run(["eval", "run", "words.yaml", "--out", "1"]) == 2
    stopped.set()
    told = capsys.readouterr().err
    assert "words.jsonl, line 1: The target did not answer in 0.05 s. Raise `timeout` in the suite" in told
    assert main.run(["eval", "gate", "1"]) == 2


def test_a_score_that_is_no_number_gives_2_with_line_and_cure(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from eval.scorers.token_f1 import TokenF1

    monkeypatch.setattr(TokenF1, "score", lambda *_: Score(value=float("nan")))
    assert main.run(["eval", "run", "words.yaml", "--out", "1"]) == 2
    told = capsys.readouterr().err
    assert "words.jsonl, line 1: the scorer 'f1' gave nan for sample 'warranty'" in told
    assert "mend the scorer or its options" in told


@pytest.mark.parametrize("measured", [True, False])
def test_a_judges_agreement_with_people_stands_beside_its_scores(
    measured: bool, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from assistant.cli.eval_judge import keep
    from assistant.cli.eval_report import judge_of
    from assistant.config import load_settings

    judge = 'fake:script?text={"score": 4, "reason": "good"}'
    settings = load_settings({"home": str(here), "models.judge": judge})
    if measured:
        found = {"value": 0.7, "low": 0.6, "high": 0.8, "n": 50}
        keep(settings, {"judge": judge, "metrics": {"agreement": found}})
        assert judge_of(settings, judge)
    suite = Path("words.yaml")
    suite.write_text(suite.read_text(encoding="utf-8").replace("f1]", "judge]"), encoding="utf-8")
    assert main.run(["eval", "run", "words.yaml", "--limit", "3", "--out", "1", "--set", f"models.judge={judge}"]) == 0
    wanted = "agreed with people on 70% (60% to 80%) of 50 pairs" if measured else "measure it: crossroads eval judge"
    assert wanted in capsys.readouterr().out
    assert main.run(["eval", "report", "1"]) == 0
    told = "agreed with people in 70% of 50 pairs" if measured else "agrees with people is not known"
    assert told in Path("1", "report.html").read_text(encoding="utf-8")


def test_new_writes_a_suite_that_runs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["eval", "new", "mine", "--data", "words.jsonl", "--target", "assistant", "--scorers", "f1"]
    assert main.run(given) == 0
    assert len(Path("mine.yaml").read_text(encoding="utf-8").splitlines()) <= 10
    assert main.run(["eval", "run", "mine.yaml", "--limit", "3", "--out", "1"]) == 0
    assert main.run(given) == 2  # not written over
    assert "there already" in capsys.readouterr().err
    assert main.run(["eval", "new", "other", "--data", "words.jsonl", "--target", "assistant", "--scorers", "f3"]) == 2


def test_whoever_asks_is_asked(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["eval", "new", "mine"]) == 2  # no terminal here
    assert "Give it as an option" in capsys.readouterr().err
