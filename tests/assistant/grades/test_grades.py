"""Grades: append-only, what is graded next, and the training rows that come of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.config import Grading as GradingSettings
from assistant.config import Settings
from assistant.database import open_database
from assistant.feedback import Feedback
from assistant.grades.datasets import keep, open_dataset
from assistant.grades.graders import Weighing
from assistant.grades.grading import Grading, questions_of
from assistant.grades.log import add_answer
from assistant.grades.operations import GRADING
from assistant.grades.queue import RANDOM_EVERY, SECOND, Plan, next_item
from assistant.grades.rubric import load_rubric
from assistant.grades.types import Comparison, Grade, Logged
from assistant.records import Vote
from graphs.answer import Answer, Evidence, Grounding, Passage, RouteDecision
from graphs.errors import NotFoundError, SettingsError, UsageError

FULL = {"correct": 5, "supported": 5, "complete": 5}
POOR = {"correct": 1, "supported": 2, "complete": 1}


def answer(answer_id: str, text: str = "It lasts 24 months [1].", **fields: Any) -> Answer:
    route = RouteDecision(path=fields.pop("path", "rag"), reason="r", confidence=fields.pop("confidence", 0.9))
    return Answer(text=text, route=route, answer_id=answer_id, thread_id="t", **fields)


@pytest.fixture
def grading(tmp_path: Path) -> Iterator[Grading]:
    settings = Settings(home=tmp_path, cache=tmp_path)
    engine = open_database(settings)
    yield Grading(engine, settings, Feedback(engine))
    engine.dispose()


def log(grading: Grading, question: str, given: Answer) -> None:
    with grading.log._engine.begin() as connection:
        add_answer(connection, question, given)


def test_a_correction_is_a_later_version_and_both_stay(grading: Grading) -> None:
    log(grading, "How long?", answer("a"))
    grading.record(Grade(answer_id="a", grader="ann", scores=POOR))
    second = grading.record(Grade(answer_id="a", grader="ann", scores=FULL))
    assert second.version == 2
    assert [grade.scores for grade, _ in grading.store.current()] == [FULL]
    assert [grade.scores for grade in grading.store.history("a")] == [POOR, FULL]


def test_undo_withdraws_the_last_and_then_the_one_before(grading: Grading) -> None:
    for name in ("a", "b"):
        log(grading, f"What is {name}?", answer(name))
        grading.record(Grade(answer_id=name, grader="me", scores=FULL))
    assert grading.undo().answer_id == "b"
    assert grading.undo().answer_id == "a"
    with pytest.raises(UsageError, match="'me'"):
        grading.undo()
    assert grading.store.current() == []
    assert len(grading.store.history("a")) == 2


def test_a_grade_outlives_the_conversation(grading: Grading) -> None:
    log(grading, "How long?", answer("a"))
    grading.record(Grade(answer_id="a", grader="ann", scores=FULL))
    with grading.log._engine.begin() as connection:
        from assistant.grades.log import forget_thread

        forget_thread(connection, "t")
    with pytest.raises(NotFoundError, match="'a'"):
        grading.log.get("a")
    assert grading.record(Grade(answer_id="a", grader="bob", scores=POOR)).version == 1
    assert grading.store.current()[0][1].question == "How long?"


@pytest.mark.parametrize(
    ("scores", "named"),
    [({**FULL, "correct": 6}, "'correct'"), ({**FULL, "wit": 3}, "'wit'"), ({"correct": 5}, "supported, complete")],
)
def test_impossible_scores_are_refused_and_nothing_is_kept(grading: Grading, scores: Any, named: str) -> None:
    log(grading, "How long?", answer("a"))
    with pytest.raises(UsageError, match=named):
        grading.record(Grade(answer_id="a", grader="ann", scores=scores))
    assert grading.store.current() == []


def test_forgetting_a_person_leaves_the_others_grades(grading: Grading) -> None:
    log(grading, "How long?", answer("a"))
    for grader in ("ann", "bob"):
        grading.record(Grade(answer_id="a", grader=grader, scores=FULL))
    assert grading.store.forget("ann") == 1
    assert [grade.grader for grade, _ in grading.store.current()] == ["bob"]


def logged(answer_id: str, question: str = "How long is the warranty?", **fields: Any) -> Logged:
    return Logged(question=question, answer=answer(answer_id, **fields), created=answer_id)


def test_what_was_voted_down_comes_before_what_is_merely_unsure() -> None:
    weak = Grounding(score=0.2, label="unsupported")
    answers = [logged("quiet"), logged("weak", grounding=weak), logged("down"), logged("unsure", confidence=0.3)]
    found = next_item(answers, [], {"down": "down"}, "ann")
    assert found is not None
    assert (found.logged.answer.answer_id, found.why, found.left) == ("down", "a user voted it down", 4)
    rest = [one for one in answers if one.answer.answer_id != "down"]
    again = next_item(rest, [], {}, "ann")
    assert again is not None
    assert again.logged.answer.answer_id == "weak"


def test_nobody_grades_an_answer_twice_and_some_get_a_second_grader() -> None:
    answers = [logged(f"a{n}", f"Question number {n}?") for n in range(1000)]
    graded = [(Grade(answer_id=one.answer.answer_id, grader="ann", scores=FULL), one) for one in answers]
    assert next_item(answers, graded, {}, "ann") is None
    second = next_item(answers, graded, {}, "bob")
    assert second is not None
    assert second.why == "a second opinion is wanted"
    assert second.left == pytest.approx(1000 * Plan.overlap, rel=0.2)


def test_overlap_goes_to_as_many_graders_as_planned() -> None:
    answers = [logged(f"a{n}", f"Question number {n}?") for n in range(40)]
    graded: list[Any] = []
    seen: dict[str, int] = {}
    for grader in ("ann", "bob", "eve", "joe"):
        while found := next_item(answers, graded, {}, grader, Plan(overlap=0.5, graders=3)):
            graded.append((Grade(answer_id=found.logged.answer.answer_id, grader=grader, scores=FULL), found.logged))
    for grade, _ in graded:
        seen[grade.answer_id] = seen.get(grade.answer_id, 0) + 1
    assert set(seen.values()) == {1, 3}
    assert 8 <= sum(count == 3 for count in seen.values()) <= 32


def test_a_gold_question_comes_back_unnamed_until_it_was_graded() -> None:
    answers = [logged(f"a{n}", f"Question {n}?") for n in range(30)]
    done = [(Grade(answer_id=one.answer.answer_id, grader="bob", scores=FULL), one) for one in answers]
    plan = Plan(overlap=0, gold={"a20"}, gold_every=10)
    asked = [next_item(answers, done[:n], {}, "bob", plan) for n in range(10)]
    found = [(one.logged.answer.answer_id, one.why) for one in asked if one]
    assert found[8] == ("a20", SECOND)
    assert [why for _, why in found if why == SECOND] == [SECOND]
    assert next_item(answers, [(Grade(answer_id="a20", grader="ann", scores=FULL), answers[20])], {}, "eve", plan)


def test_one_grade_in_some_is_of_an_answer_drawn_at_random() -> None:
    answers = [logged(f"a{n}", f"Question {n}?") for n in range(50)]
    done = [(Grade(answer_id=one.answer.answer_id, grader="ann", scores=FULL), one) for one in answers]
    drawn = next_item(answers, done[: RANDOM_EVERY - 1], {}, "ann")
    assert drawn is not None
    assert drawn.why == "drawn at random"
    planned = next_item(answers, done[: RANDOM_EVERY - 2], {}, "ann")
    assert planned is not None
    assert planned.why != "drawn at random"


def test_the_queue_looks_at_outlines_and_shows_the_whole_answer(grading: Grading) -> None:
    given = answer("a", evidence=[_passage("All about it.")], grounding=Grounding(score=0.2, label="unsupported"))
    log(grading, "How long?", given)
    found = grading.next()
    assert found is not None
    assert (found.logged.answer.evidence, found.why) == (given.evidence, "its sources do not clearly say it")
    (seen,) = grading.log.outlines()
    assert (seen.answer.evidence, seen.answer.text) == ([], given.text)
    grading.record(Grade(answer_id="a", grader="ann", scores=FULL))
    ((grade, outline),) = grading.store.outlines()
    assert (grade.scores, outline.answer.evidence, grading.log.count()) == (FULL, [], 1)
    grading.record(Grade(answer_id="a", grader="ann", scores=POOR))
    assert [grade.scores for grade, _ in grading.store.outlines()] == [POOR]
    assert grading.forget("ann") == 2
    assert (grading.store.outlines(), grading.store._outlines) == ([], {})


def test_a_share_is_what_all_grades_of_an_answer_say(grading: Grading) -> None:
    _many(grading, {"ann": FULL, "bob": POOR, "eve": FULL}, 2)
    grading.undo("eve")
    judged = {one.logged.answer.answer_id: one.share for one in grading.judged()}
    assert grading.shares() == pytest.approx(judged)
    assert grading.shares("a0") == {"a0": judged["a0"]}
    grading.weigh(Weighing(grader="bob", weight=0, reason="against gold"))
    assert grading.shares("a1") == {"a1": 1.0}


def test_graders_who_disagree_get_a_third() -> None:
    one = logged("a")
    graded = [(Grade(answer_id="a", grader=name, scores=s), one) for name, s in (("ann", FULL), ("bob", POOR))]
    found = next_item([one], graded, {}, "eve")
    assert found is not None
    assert found.why == "its graders disagree"


def _passage(text: str) -> Evidence:
    found = Passage(chunk_id="c", document_id="d", source="s", title="t", text=text, start=0, end=len(text))
    return Evidence(passage=found, kept=True, why="answers")


def test_rows_are_what_the_model_will_be_shown_and_masked(grading: Grading) -> None:
    given = answer("a", "Write to ann@example.org.", evidence=[_passage("Write to ann@example.org or 030 123 4567.")])
    log(grading, "Whom do I write to?", given)
    grading.record(Grade(answer_id="a", grader="ann", scores=FULL))
    (row,) = grading.rows("sft").rows
    system, user = row["prompt"]
    assert system["role"] == "system"
    assert user["content"] == "[1] Write to <EMAIL> or <PHONE>.\n\nQuestion: Whom do I write to?"
    assert row["completion"] == [{"role": "assistant", "content": "Write to <EMAIL>."}]


def test_each_format_takes_what_it_can_use(grading: Grading) -> None:
    for name, scores, better in (("good", FULL, ""), ("bad", POOR, ""), ("mended", POOR, "Two years.")):
        log(grading, f"How long is it, {name}?", answer(name, f"Answer {name}."))
        grading.record(Grade(answer_id=name, grader="ann", scores=scores, better_answer=better))
    said = {wanted: grading.rows(wanted) for wanted in ("sft", "kto", "dpo")}
    assert [row["completion"][0]["content"] for row in said["sft"].rows] == ["Answer good.", "Two years."]
    assert sorted((row["completion"][0]["content"], row["label"]) for row in said["kto"].rows) == [
        ("Answer bad.", False),
        ("Answer good.", True),
        ("Answer mended.", False),
        ("Two years.", True),
    ]
    (pair,) = said["dpo"].rows
    assert (pair["chosen"][0]["content"], pair["rejected"][0]["content"]) == ("Two years.", "Answer mended.")
    assert said["dpo"].unused == 2
    with pytest.raises(UsageError, match="'ppo'"):
        grading.rows("ppo")


def test_rows_load_in_trls_formats(grading: Grading) -> None:
    datasets = pytest.importorskip("datasets")
    trl = pytest.importorskip("trl.data_utils", reason="no trl: install the extra `train`")
    log(grading, "How long?", answer("a"))
    grading.record(Grade(answer_id="a", grader="ann", scores=POOR, better_answer="Two years."))
    for wanted in ("sft", "kto", "dpo", "reward"):
        rows = datasets.Dataset.from_list(grading.rows(wanted).rows)
        assert trl.is_conversational(rows[0])


def test_repeats_and_evaluation_questions_are_left_out(grading: Grading, tmp_path: Path) -> None:
    held = tmp_path / "held.jsonl"
    held.write_text(json.dumps({"input": "how LONG, then?"}) + "\n", encoding="utf-8")
    for name, question in (("a", "How long, then"), ("b", "How wide?"), ("c", "How wide?")):
        log(grading, question, answer(name, "Two."))
        grading.record(Grade(answer_id=name, grader="ann", scores=FULL))
    rows = grading.rows("sft", questions_of(held))
    assert (len(rows.rows), rows.repeated, rows.held_out) == (1, 1, 1)


def test_the_projects_own_questions_are_always_held_out(grading: Grading) -> None:
    log(grading, "When should I fine-tune rather than retrieve?", answer("a"))
    grading.record(Grade(answer_id="a", grader="ann", scores=FULL))
    assert grading.rows("sft").held_out == 1


def test_equal_grades_give_equal_data(grading: Grading) -> None:
    log(grading, "How long?", answer("a"))
    grading.record(Grade(answer_id="a", grader="ann", scores=FULL))
    first = grading.rows("sft")
    assert first.sha256 == grading.rows("sft").sha256
    assert first.sha256 in grading.card("sft", first)
    grading.record(Grade(answer_id="a", grader="ann", scores=POOR))
    assert first.sha256 != grading.rows("sft").sha256


def test_pairs_are_blind_and_choices_rank_the_sides(grading: Grading) -> None:
    log(grading, "How long?", answer("a", "Two years.", path="rag", model="m"))
    log(grading, "how  long?", answer("b", "No idea.", path="zero_shot", model="m"))
    shown = GRADING["grades/pair"](type("A", (), {"grading": grading})(), {})  # type: ignore[arg-type]
    assert {key for one in shown["pair"] for key in one} == {"answer_id", "question", "text"}
    grading.compare(Comparison(first="a", second="b", grader="me", choice="first"))
    assert grading.next_pair() is None
    assert grading.next_pair("another") is not None
    best, worst = grading.summary()["sides"]
    assert (best["name"], worst["name"]) == ("rag · m", "zero_shot · m")
    (row,) = grading.rows("dpo").rows
    assert row["chosen"][0]["content"] == "Two years."


def test_answers_to_different_questions_are_no_pair(grading: Grading) -> None:
    log(grading, "How long?", answer("a", path="rag"))
    log(grading, "How wide?", answer("b", path="zero_shot"))
    assert grading.next_pair() is None
    with pytest.raises(UsageError, match="different questions"):
        grading.compare(Comparison(first="a", second="b", grader="me", choice="tie"))


def test_the_queue_hears_users_votes(grading: Grading) -> None:
    log(grading, "How long?", answer("a"))
    log(grading, "How wide?", answer("b"))
    grading._feedback.record(Vote(answer_id="a", vote="down"), answer("a"), "How long?")
    found = grading.next()
    assert found is not None
    assert (found.logged.answer.answer_id, found.why) == ("a", "a user voted it down")


def test_agreement_is_told_by_criterion(grading: Grading) -> None:
    pytest.importorskip("krippendorff", reason="no krippendorff: install the extra `eval`")
    for number in range(6):
        log(grading, f"How long, {number}?", answer(f"a{number}"))
        scores = {"correct": number % 5 + 1, "supported": 5, "complete": number % 2 + 1}
        for grader in ("ann", "bob"):
            grading.record(Grade(answer_id=f"a{number}", grader=grader, scores=scores))
    found = grading.summary()["agreement"]
    assert found["correct"]["alpha"] == 1.0
    assert found["correct"]["items"] == 6


def _many(grading: Grading, graders: dict[str, Any], count: int = 8) -> None:
    for number in range(count):
        log(grading, f"What is the length of part {number}?", answer(f"a{number}", f"Part {number} is long."))
        for grader, scores in graders.items():
            grading.record(Grade(answer_id=f"a{number}", grader=grader, scores=scores))


def test_a_grader_is_measured_against_gold_and_excluded_openly(grading: Grading) -> None:
    _many(grading, {"ann": FULL, "bob": POOR, "eve": FULL})
    for number in range(6):
        grading.mark_gold(f"a{number}", "ann")
    near = grading.graders.against_gold(grading.store.current())
    assert "ann" not in near  # a gold grade says nothing of whoever gave it
    assert (near["eve"]["agrees"], near["eve"]["items"], near["bob"]["agrees"]) == (1.0, 6, 0.0)
    assert near["bob"]["high"] < near["eve"]["low"]
    assert len(grading.rows("kto").rows) == 0  # they disagree, so nothing is good and nothing bad
    with pytest.raises(UsageError, match="without a reason"):
        grading.weigh(Weighing(grader="bob", weight=0))
    grading.weigh(Weighing(grader="bob", weight=0, reason="against gold"))
    rows = grading.rows("kto")
    assert (len(rows.rows), rows.excluded, rows.graders) == (8, 8, {"ann", "eve"})
    grading.weigh(Weighing(grader="bob", weight=1))
    assert len(grading.rows("kto").rows) == 0
    assert [(one.weight, one.reason) for one in grading.graders.history()] == [(0, "against gold"), (1, "")]


def test_forgetting_a_person_takes_gold_and_weights_of_theirs_too(grading: Grading) -> None:
    _many(grading, {"ann": FULL, "bob": POOR}, 2)
    grading.mark_gold("a0", "ann")
    grading.weigh(Weighing(grader="ann", weight=0.5, reason="new"))
    assert grading.forget("ann") == 4
    assert (grading.graders.gold(), grading.graders.weights()) == ({}, {})
    assert {grade.grader for grade, _ in grading.store.current()} == {"bob"}


def test_gold_is_let_go_of_and_needs_a_grade(grading: Grading) -> None:
    _many(grading, {"ann": FULL}, 1)
    assert grading.mark_gold("a0", "ann").scores == FULL
    grading.mark_gold("a0", "ann", counts=False)
    assert grading.graders.gold() == {}
    with pytest.raises(NotFoundError, match="'bob' has not graded 'a0'"):
        grading.mark_gold("a0", "bob")


def test_a_row_says_which_grades_it_was_made_of(grading: Grading) -> None:
    _many(grading, {"ann": FULL, "eve": FULL}, 1)
    rows = grading.rows("sft")
    assert rows.sources == [
        [{"answer_id": "a0", "grader": "ann", "version": 1}, {"answer_id": "a0", "grader": "eve", "version": 1}]
    ]
    kept = keep(Path.cwd(), "sft", rows, "card")
    assert open_dataset(Path.cwd(), kept.folder.name).sources() == rows.sources
    assert keep(Path.cwd(), "sft", rows, "card").folder == kept.folder


def test_good_and_bad_answers_to_one_question_make_reward_rows(grading: Grading) -> None:
    for name, scores in (("good", FULL), ("bad", POOR)):
        log(grading, "How long is the whole thing?", answer(name, f"It is {name}."))
        grading.record(Grade(answer_id=name, grader="ann", scores=scores))
    (row,) = grading.rows("reward").rows
    assert (row["chosen"][0]["content"], row["rejected"][0]["content"]) == ("It is good.", "It is bad.")
    assert grading.rows("dpo").rows == []


def test_detector_rows_are_what_the_checker_is_trained_on(grading: Grading, tmp_path: Path) -> None:
    import gzip

    from training.grounding.data import load_claims

    for name, scores in (("good", FULL), ("bad", POOR), ("unsure", {**FULL, "supported": 3})):
        log(grading, f"How long is {name}?", answer(name, f"It is {name}.", evidence=[_passage(f"All about {name}.")]))
        grading.record(Grade(answer_id=name, grader="ann", scores=scores))
    rows = grading.rows("detector").rows
    (tmp_path / "own.jsonl.gz").write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    claims = load_claims(tmp_path, {"own": 9}, 0)
    assert sorted((claim.text, claim.supported) for claim in claims) == [("It is bad.", False), ("It is good.", True)]


def test_the_checker_is_held_against_experts(grading: Grading) -> None:
    for number in range(12):
        sure = number < 8
        grounding = Grounding(score=0.9 if sure else 0.1, label="supported" if sure else "unsupported")
        log(grading, f"How long is number {number}?", answer(f"a{number}", grounding=grounding))
        right = {**FULL, "supported": 5 if number < 6 else 1}
        grading.record(Grade(answer_id=f"a{number}", grader="ann", scores=right))
    found = grading.calibration()
    assert found["agrees"]["value"] == pytest.approx(10 / 12, abs=1e-3)
    assert (found["when_supported"]["value"], found["when_supported"]["n"]) == (0.75, 8)
    assert found["when_not"]["value"] == 1.0
    assert found["agrees"]["low"] < 10 / 12 < found["agrees"]["high"]


def test_the_judge_is_held_against_experts_choices(grading: Grading) -> None:
    from assistant.grades.calibration import judge_here

    with pytest.raises(UsageError, match="preferred"):
        judge_here(str, grading.store.comparisons())
    for number in range(4):
        question = f"How long is it, number {number}?"
        log(grading, question, answer(f"a{number}", "GOOD answer.", path="rag"))
        log(grading, question, answer(f"b{number}", "Some answer.", path="zero_shot"))
        choice: Any = "first" if number else "second"
        grading.compare(Comparison(first=f"a{number}", second=f"b{number}", grader="ann", choice=choice))
    prefers = judge_here(
        lambda asked: "A" if asked.index("GOOD") < asked.index("Some") else "B", grading.store.comparisons()
    )
    assert prefers["agrees"]["value"] == 0.75


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("name: x\ncriteria: []\n", "criteria"),
        ("name: x\ncriteria: [{name: ok, title: Ok, kind: yes_no, anchors: {1: y}}]\n", "anchors of 'ok'"),
        ("- a list", "cannot be read"),
    ],
)
def test_a_rubric_that_cannot_be_used_names_what_is_wrong(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "rubric.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=named):
        load_rubric(file)


def test_an_owners_rubric_takes_its_place(tmp_path: Path) -> None:
    file = tmp_path / "rubric.yaml"
    file.write_text("name: x\ncriteria: [{name: safe, title: Safe, kind: yes_no, anchors: {1: y, 0: n}}]\n", "utf-8")
    settings = Settings(home=tmp_path, cache=tmp_path, grading=GradingSettings(rubric=str(file)))
    engine = open_database(settings)
    grading = Grading(engine, settings, Feedback(engine))
    log(grading, "How long?", answer("a"))
    assert grading.record(Grade(answer_id="a", grader="me", scores={"safe": 0})).rubric == load_rubric(file).sha256
    engine.dispose()


class _Examples:
    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def learn(self, question: str, answer: Answer, origin: str) -> bool:
        self.kept[answer.answer_id] = f"{origin}: {question}"
        return True

    def unlearn(self, answer_id: str) -> int:
        return int(self.kept.pop(answer_id, None) is not None)


class _Router:
    def forget(self, answer_id: str = "") -> None:
        pass


def test_a_well_graded_answer_is_an_example_until_it_is_taken_back(grading: Grading) -> None:
    assistant: Any = type("A", (), {"grading": grading, "examples": _Examples(), "router": _Router()})()
    log(grading, "How long?", answer("a"))
    log(grading, "How wide?", answer("b"))
    GRADING["grades/record"](assistant, {"answer_id": "b", "scores": POOR})
    GRADING["grades/record"](assistant, {"answer_id": "a", "scores": FULL})
    assert assistant.examples.kept == {"a": "graded: How long?"}
    GRADING["grades/undo"](assistant, {})
    assert assistant.examples.kept == {}
