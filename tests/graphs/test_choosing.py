from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from graphs.answer import Expected, Path
from graphs.context import Context, Limits

Make = Callable[..., Context]
WARRANTY = ("The warranty lasts 24 months from delivery.", 0.7)


class Fixed:
    """A router that always says the same."""

    def __init__(self, model: str = "fake:scripted", **chances: float) -> None:
        self.model = model
        self.said: Any = chances
        self.expected: Mapping[Path, Expected] = {
            "rag": Expected(seconds=2.0), "zero_shot": Expected(seconds=1.0), "few_shot": Expected(seconds=3.0)
        }  # fmt: skip
        self.own_words: float | None = None
        self.looked: list[Mapping[str, float]] = []

    def chances(self, seen: Mapping[str, float], vector: Sequence[float]) -> dict[Path, float]:
        self.looked.append(seen)
        return dict(self.said)


def test_the_likeliest_path_is_taken_and_the_reason_says_how_likely(talk: Any, make_context: Make) -> None:
    router = Fixed(rag=0.8, zero_shot=0.1)
    answer = talk.ask(make_context("The warranty lasts 24 months.", texts=[WARRANTY], router=router), "How long is it?")
    assert answer.route.path == "rag"
    assert "80%" in answer.route.reason
    assert "Title 0" in answer.route.reason
    assert answer.route.seen["similarity"] == pytest.approx(0.7)


@pytest.mark.parametrize(("effort", "path"), [("quick", "zero_shot"), ("thorough", "rag")])
def test_the_effort_says_how_near_to_the_best_a_cheaper_path_must_be(
    talk: Any, make_context: Make, effort: Any, path: str
) -> None:
    router = Fixed(rag=0.8, zero_shot=0.7)
    limits = Limits(effort=effort, memory_samples=0)
    context = make_context("The warranty lasts 24 months.", texts=[WARRANTY], router=router, limits=limits)
    answer = talk.ask(context, "How long is the warranty?")
    assert answer.route.path == path
    assert set(answer.route.expected) >= {"rag", "zero_shot"}
    assert ("takes less" in answer.route.reason) == (path == "zero_shot")


def test_where_no_path_is_likely_documents_that_are_near_are_searched(talk: Any, make_context: Make) -> None:
    router = Fixed(rag=0.06, few_shot=0.09, zero_shot=0.03)
    answer = talk.ask(make_context("The warranty lasts 24 months.", texts=[WARRANTY], router=router), "How long is it?")
    assert answer.route.path == "rag"
    assert "No path is likely" in answer.route.reason


def test_a_memory_measured_to_be_wrong_is_not_asked(talk: Any, make_context: Make) -> None:
    far = [("The warranty lasts 24 months from delivery.", 0.1)]
    context = make_context(texts=far, router=Fixed(rag=0.02, zero_shot=0.06))
    answer = talk.ask(context, "Who won the cup in 1950?")
    assert answer.abstained
    assert "6%" in answer.text
    assert context.chat.asked == []  # type: ignore[attr-defined]


def test_chances_of_another_model_do_not_judge_this_models_memory(talk: Any, make_context: Make) -> None:
    router = Fixed("local:other", rag=0.02, zero_shot=0.06)
    far = [("The warranty lasts 24 months from delivery.", 0.1)]
    context = make_context("Uruguay.", "Uruguay.", "Uruguay.", "Uruguay won.", texts=far, router=router)
    answer = talk.ask(context, "Who won the cup in 1950?")
    assert (answer.text, answer.route.learned) == ("Uruguay won.", False)


@pytest.mark.parametrize(
    ("own_words", "effort", "asked"), [(0.2, "balanced", 0), (0.8, "balanced", 1), (0.2, "thorough", 1)]
)
def test_own_words_that_are_mostly_taken_back_are_not_waited_for(
    talk: Any, make_context: Make, own_words: float, effort: Any, asked: int
) -> None:
    router = Fixed(rag=0.9, zero_shot=0.1)
    router.own_words = own_words
    lines = ["The warranty lasts 24 months."] * asked
    context = make_context(*lines, texts=[WARRANTY], router=router, limits=Limits(effort=effort))
    answer = talk.ask(context, "How long is the warranty?")
    assert len(context.chat.asked) == asked  # type: ignore[attr-defined]
    assert answer.quoted == (asked == 0)


def test_on_a_chosen_path_own_words_are_written_all_the_same(talk: Any, make_context: Make) -> None:
    router = Fixed(rag=0.9, zero_shot=0.1)
    router.own_words = 0.2
    context = make_context("The warranty lasts 24 months.", texts=[WARRANTY], router=router)
    assert not talk.ask(context, "How long is the warranty?", forced="rag").quoted


def test_arithmetic_and_given_passages_need_no_router(talk: Any, make_context: Make) -> None:
    router = Fixed(rag=0.9, zero_shot=0.9)
    assert talk.ask(make_context(router=router), "What is 17 percent of 240?").route.path == "tools"
    assert router.looked == []


def test_a_tuned_model_goes_before_the_one_it_was_tuned_from(talk: Any, make_context: Make) -> None:
    tuned = make_context("The warranty lasts 24 months.").chat
    context = make_context(texts=[WARRANTY], router=Fixed(rag=0.8, zero_shot=0.1), tuned=tuned, tuned_name="m")
    assert talk.ask(context, "How long is the warranty?").route.path == "tuned_rag"


def test_a_forced_path_keeps_the_chances_of_the_others(talk: Any, make_context: Make) -> None:
    context = make_context("Two years.", texts=[WARRANTY], router=Fixed(rag=0.8, zero_shot=0.1))
    route = talk.ask(context, "How long is the warranty?", forced="zero_shot").route
    assert (route.path, route.forced, route.confidence) == ("zero_shot", True, 0.1)
    assert route.scores["rag"] == 0.8
