"""A candidate on a share of the conversations, recorded in each answer, halted where live signals fall, taken back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.app import Assistant
from assistant.config import Settings
from assistant.improving.arms import choose, live_name
from assistant.improving.watch import take_back
from assistant.records import Request, Vote
from graphs.answer import Answer, Grounding, RouteDecision
from graphs.errors import UsageError
from tests.assistant.home_fakes import open_fake
from training.canary import Canaries
from training.registry import GateVerdict, ModelVersion, Registry

BASE = "fake:reader"
CANDIDATE = "local:improved@1"


@pytest.fixture
def registry(home: Path, tmp_path: Path) -> Registry:
    """Two candidates the gate passed and one it failed."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "weights").write_text("x")
    found = Registry(home / "models")
    for number, verdict in (("1", "pass"), ("2", "pass"), ("3", "fail")):
        found.add(source, ModelVersion(name="improved", version="", kind="chat", base=BASE))
        found.judge("improved", number, GateVerdict(verdict=verdict))  # type: ignore[arg-type]
    return found


@pytest.fixture
def assistant(home: Path, registry: Registry) -> Iterator[Assistant]:
    with open_fake(home) as opened:
        yield opened


def _answer(number: int, model: str, bad: bool, arm: str = "live") -> Answer:
    label = "unsupported" if bad else "supported"
    return Answer(
        text="t", route=RouteDecision(path="rag", reason="r", confidence=1), model=model, answer_id=f"{model}-{number}",
        grounding=Grounding(score=0.5, label=label), arm=arm, thread_id="t",  # type: ignore[arg-type]
    )  # fmt: skip


def test_the_stated_share_of_conversations_meets_the_candidate_each_always_the_same(
    home: Path, registry: Registry
) -> None:
    settings = Settings(home=home, models={"chat": BASE})
    Canaries(home / "models").start("improved", "1", 0.2)
    arms = [choose(settings, f"thread-{number}") for number in range(2000)]
    assert sum(one.arm == "canary" for one in arms) / 2000 == pytest.approx(0.2, abs=0.03)
    assert {one.name for one in arms if one.arm == "canary"} == {CANDIDATE}
    assert [choose(settings, f"thread-{number}") for number in range(50)] == arms[:50]


def test_a_candidate_of_another_base_answers_nobody(home: Path, registry: Registry) -> None:
    Canaries(home / "models").start("improved", "1", 0.5)
    registry.promote("improved", "2")
    other = Settings(home=home, models={"chat": "fake:echo"})
    assert {choose(other, str(number)).name for number in range(40)} == {"fake:echo"}


def test_only_what_the_gate_passed_is_tried(home: Path, registry: Registry) -> None:
    trials = Canaries(home / "models")
    with pytest.raises(UsageError, match="the gate failed it"):
        trials.start("improved", "3", 0.1)
    with pytest.raises(UsageError, match=r"0\.6"):
        trials.start("improved", "1", 0.6)
    trials.start("improved", "1", 0.1)
    trials.start("improved", "2", 0.1)
    assert [(one.version, one.why) for one in trials.history("improved")] == [
        ("1", "version 2 took its place"),
        ("2", ""),
    ]


def test_each_answer_says_on_which_side_it_was(assistant: Assistant, monkeypatch: pytest.MonkeyPatch) -> None:
    from assistant.providers.fake import fake_model

    monkeypatch.setattr(type(assistant.resources), "_load_chat", lambda self, name: fake_model("reader"))
    Canaries(assistant.settings.home / "models").start("improved", "1", 0.5)
    answers = [assistant.ask(Request(question="How long does the warranty last?")) for _ in range(12)]
    sides = {(one.arm, one.model) for one in answers}
    assert sides == {("live", BASE), ("canary", CANDIDATE)}
    kept = [assistant.grading.log.get(one.answer_id).answer.arm for one in answers]
    assert kept == [one.arm for one in answers]
    forced = assistant.ask(Request(question="How long does the warranty last?", model="fake:echo"))
    assert forced.arm == ""


def test_a_candidate_that_is_voted_down_more_often_is_halted(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assistant.examples, "learn", lambda *_: False)
    trials = Canaries(assistant.settings.home / "models")
    trials.start("improved", "1", 0.2)
    for number in range(60):
        for model, vote in ((CANDIDATE, "down" if number % 2 else "up"), (BASE, "up")):
            answer = _answer(number, model, bad=False, arm="canary" if model == CANDIDATE else "live")
            assistant.watch.saw(answer)
            assistant.vote(Vote(answer_id=answer.answer_id, vote=vote), answer, "How long?")  # type: ignore[arg-type]
    assert trials.current("improved") is None
    (trial,) = trials.history("improved")
    assert "halted by the watch: answers voted down" in trial.why
    assert choose(assistant.settings, "any").arm == "live"


def test_a_candidate_as_good_as_what_is_live_goes_on(assistant: Assistant) -> None:
    trials = Canaries(assistant.settings.home / "models")
    trials.start("improved", "1", 0.2)
    for number in range(60):
        for model in (CANDIDATE, BASE):
            assistant.watch.saw(_answer(number, model, bad=number % 10 == 0, arm="canary"))
    assert trials.current("improved") is not None
    assert all(not one.halts and one.evidence.blocks in (0, 60) for one in assistant.watch.compare())


def test_a_live_model_whose_answers_lose_their_sources_is_rolled_back(assistant: Assistant, registry: Registry) -> None:
    for number in range(60):
        assistant.watch.saw(_answer(number, BASE, bad=number % 10 == 0))
    registry.promote("improved", "1")
    assert live_name(assistant.settings) == CANDIDATE
    for number in range(60):
        assistant.watch.saw(_answer(number, CANDIDATE, bad=number % 2 == 0))
    assert live_name(assistant.settings) == BASE
    assert "their sources do not carry" in registry.history("improved")[-1].why


def test_rollback_goes_to_the_version_before_and_then_to_the_base(home: Path, registry: Registry) -> None:
    settings = Settings(home=home, models={"chat": BASE})
    registry.promote("improved", "1")
    registry.promote("improved", "2")
    assert take_back(registry, "improved", "worse").version == "1"
    assert live_name(settings) == CANDIDATE
    assert take_back(registry, "improved").state == "retired"
    assert live_name(settings) == BASE
    with pytest.raises(UsageError):
        take_back(registry, "improved")
    registry.promote("improved", "2")
    assert live_name(settings) == "local:improved@2"


def test_the_page_asks_for_no_model_by_name_unless_one_is_picked(assistant: Assistant, registry: Registry) -> None:
    from assistant.ui.view import _models, footer_line

    assert _models(assistant)[0] == {"value": "", "words": "reader"}
    registry.promote("improved", "2")
    first, second, *_ = _models(assistant)
    assert (first, second["value"]) == ({"value": "", "words": "improved@2"}, BASE)
    assert footer_line(assistant, "").startswith("improved@2 on this computer")
