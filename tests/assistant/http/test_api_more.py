"""Endpoints of prompts, examples, exports, documents as a whole, models and runs: they do what their command does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from assistant.grades.rows import Format
from graphs.prompts import Version, instead, load_prompt
from tests.assistant.http.people_fakes import House
from training.registry import GateVerdict, ModelVersion, Registry

QUESTION = "How long does the warranty last?"
FULL = {"correct": 5, "supported": 5, "complete": 5}
MINE = "---\nversion: 2\n---\nAnswer in one word.\n"


@pytest.fixture
def house(home: Path) -> Iterator[House]:
    made = House(home)
    yield made
    made.assistant.close()


def asked(house: House, question: str = QUESTION, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = house.browser("expert").post("/api/v1/ask", json={"question": question, **more}).json()
    return found


def test_prompts_are_listed_with_the_hash_that_answers_record(house: House) -> None:
    engineer = house.browser("engineer")
    listed = {one["reference"]: one for one in engineer.get("/api/v1/prompts").json()["prompts"]}
    used = asked(house)["prompt"]
    assert listed[used["name"]]["sha256"] == used["sha256"]
    assert engineer.get("/api/v1/prompts/passages").json()["text"] == load_prompt("passages")[0]


def test_a_prompt_is_never_a_file_of_the_machine(house: House, tmp_path: Path) -> None:
    file = tmp_path / "passages.md"
    file.write_text(MINE, encoding="utf-8")
    owner = house.browser("owner")
    wanted = {"first": "passages", "second": str(file), "samples": [{"input": "a", "target": ["b"]}]}
    assert owner.post("/api/v1/prompts/compare", json=wanted).status_code == 404
    assert owner.get("/api/v1/prompts/..%2Fpassages").status_code == 404


def test_a_version_of_ones_own_is_compared_with_the_one_in_use(house: House) -> None:
    samples = [{"input": QUESTION, "target": ["24 months"], "contexts": ["It lasts 24 months."]}]
    wanted = {"first": "passages", "text": MINE, "samples": samples, "path": "rag"}
    found = house.browser("engineer").post("/api/v1/prompts/compare", json=wanted)
    assert found.status_code == 200, found.text
    told = found.json()
    assert (told["n"], told["first"]["reference"], told["second"]["version"]) == (1, "passages", "2")
    assert told["first"]["failed"] == told["second"]["failed"] == 0
    assert house.browser("expert").post("/api/v1/prompts/compare", json=wanted).status_code == 403
    no_version = house.browser("owner").post("/api/v1/prompts/compare", json={**wanted, "text": "Just text."})
    assert no_version.status_code == 400


def test_a_version_on_trial_is_nobody_elses_prompt() -> None:
    shipped, seen = load_prompt("passages")[1].version, []
    with instead(Version("passages", MINE)):
        other = threading.Thread(target=lambda: seen.append(load_prompt("passages")[1].version))
        other.start()
        other.join()
        assert load_prompt("passages")[1].version == "2"
    assert seen == [shipped]
    assert load_prompt("passages")[1].version == shipped


def test_examples_are_kept_listed_and_forgotten(house: House) -> None:
    engineer = house.browser("engineer")
    rows = [{"task": "classify", "input": "My card was stolen", "output": "lost_card"}]
    assert engineer.post("/api/v1/examples", json={"examples": rows}).json() == {"added": 1}
    listed = engineer.get("/api/v1/examples?task=classify").json()
    assert (listed["counts"], listed["examples"][0]["output"]) == ({"classify": 1}, "lost_card")
    assert engineer.delete(f"/api/v1/examples/{listed['examples'][0]['example_id']}").json() == {"deleted": 1}
    assert engineer.get("/api/v1/examples").json()["examples"] == []
    assert house.browser("expert").get("/api/v1/examples").status_code == 403


def test_graded_answers_become_examples_and_stop_being_some_with_the_grade(house: House) -> None:
    expert, engineer = house.browser("expert"), house.browser("engineer")
    answer = asked(house, "hello", path="zero_shot")
    better = {"answer_id": answer["answer_id"], "scores": FULL, "better_answer": "Good day to you."}
    assert expert.post("/api/v1/grades", json=better).status_code == 201
    assert engineer.post("/api/v1/examples/graded").json() == {"added": 1}
    (kept,) = engineer.get("/api/v1/examples").json()["examples"]
    assert (kept["output"], kept["origin"]) == ("Good day to you.", "graded")
    expert.post("/api/v1/grades/undo")
    assert engineer.get("/api/v1/examples").json()["examples"] == []


def test_grades_leave_in_every_format(house: House) -> None:
    engineer = house.browser("engineer")
    answer = asked(house)
    house.browser("expert").post("/api/v1/grades", json={"answer_id": answer["answer_id"], "scores": FULL})
    for wanted in (*get_args(Format), "router"):
        found = engineer.get(f"/api/v1/grades/export?format={wanted}")
        assert found.status_code == 200, found.text
        assert found.json()["format"] == wanted
    assert len(engineer.get("/api/v1/grades/export?format=detector").json()["rows"]) == 1
    held = engineer.post("/api/v1/grades/export", json={"format": "detector", "without": [QUESTION]}).json()
    assert (held["rows"], held["held_out"]) == ([], 1)


def test_what_a_question_would_do_what_a_turn_did_and_again(house: House) -> None:
    expert = house.browser("expert")
    would = expert.post("/api/v1/route", json={"question": QUESTION}).json()
    answer = asked(house)
    assert would["path"] == answer["route"]["path"] == "rag"
    thread = answer["thread_id"]
    (turn,) = expert.get(f"/api/v1/threads/{thread}").json()["turns"]
    steps = expert.get(f"/api/v1/threads/{thread}/turns/{turn['question_id']}/steps").json()["steps"]
    assert steps[0]["node"] == "input"
    again = expert.post(f"/api/v1/threads/{thread}/replay", json={}).json()
    assert (again["text"], again["thread_id"] != thread) == (answer["text"], True)
    other = house.browser("user")
    assert other.get(f"/api/v1/threads/{thread}/turns/{turn['question_id']}/steps").status_code == 404
    assert other.post(f"/api/v1/threads/{thread}/replay", json={}).status_code == 404


def test_a_question_is_replaced_and_labels_bound_the_answer(house: House) -> None:
    expert = house.browser("expert")
    thread = asked(house)["thread_id"]
    (turn,) = expert.get(f"/api/v1/threads/{thread}").json()["turns"]
    asked(house, "hello", thread_id=thread, replace=turn["question_id"])
    assert [one["question"] for one in expert.get(f"/api/v1/threads/{thread}").json()["turns"]] == ["hello"]
    refused = expert.post("/api/v1/ask", json={"question": "x", "form": {"type": "array"}})
    assert refused.status_code == 400


def test_a_text_is_checked_against_texts_or_what_is_loaded(house: House) -> None:
    user = house.browser("user")
    given = user.post("/api/v1/check", json={"output": "It lasts 24 months.", "contexts": ["It lasts 24 months."]})
    assert given.json()["evidence"] == [{"source": "given:1"}]
    loaded = user.post("/api/v1/check", json={"output": "The warranty lasts 24 months.", "collection": "documents"})
    assert loaded.json()["evidence"][0]["source"] == "/docs/0.md"
    assert user.post("/api/v1/check", json={"output": " "}).status_code == 400


def test_loads_are_seen_ended_and_tried_again(house: House) -> None:
    owner = house.browser("owner")
    job = house.assistant.knowledge.jobs.submit(["/nowhere/a.md"], "documents")
    assert [one["job_id"] for one in owner.get("/api/v1/jobs").json()["jobs"]] == [job.job_id]
    assert owner.post(f"/api/v1/jobs/{job.job_id}/cancel").json()["state"] == "cancelled"
    assert owner.post(f"/api/v1/jobs/{job.job_id}/retry").json()["state"] == "queued"
    assert owner.get("/api/v1/knowledge").json()["documents"] == 1
    (state,) = owner.get("/api/v1/knowledge/states").json()["documents"]
    assert (state["state"], state["source"]) == ("ready", "/docs/0.md")
    never = owner.post("/api/v1/knowledge/again", json={"source": "/etc/passwd"})
    assert (never.status_code, never.json()["error"]["type"]) == (404, "not_found")
    assert owner.delete("/api/v1/collections/nonsense").status_code == 404
    assert house.browser("expert").get("/api/v1/jobs").status_code == 403


def test_the_first_improved_model_is_taken_back_and_a_version_deleted(house: House, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "weights").write_text("x")
    registry = Registry(house.assistant.settings.home / "models")
    for _ in range(2):
        registry.add(source, ModelVersion(name="improved", version="", kind="adapter", base="local:small"))
    registry.judge("improved", "1", GateVerdict(verdict="pass"))
    engineer = house.browser("engineer")
    assert engineer.post("/api/v1/models/improved/promote", json={"version": "1"}).status_code == 200
    assert engineer.delete("/api/v1/models/improved/versions/1").status_code == 400
    back = engineer.post("/api/v1/models/improved/rollback", json={"why": "too short"})
    assert back.status_code == 200, back.text
    assert registry.live("improved") is None
    assert registry.history("improved")[-1].why == "too short"
    assert "improved" in engineer.get("/api/v1/models/improved/card").json()["card"]
    assert engineer.delete("/api/v1/models/improved/versions/2").json() == {"deleted": 1}
    catalogue = engineer.get("/api/v1/models").json()["catalogue"]
    assert {one["kind"] for one in catalogue} == {"chat", "embedding"}


def test_recipes_and_suites_can_be_read_and_what_is_missing_is_told(house: House) -> None:
    owner = house.browser("owner")
    names = [one["name"] for one in owner.get("/api/v1/recipes").json()["recipes"]]
    assert "style" in names
    assert "stage:" in owner.get("/api/v1/recipes/style").json()["text"]
    assert owner.get("/api/v1/recipes/..%2F..%2Fsetup").status_code == 404
    assert "smoke" in owner.get("/api/v1/suites").json()["suites"]
    assert owner.get("/api/v1/runs/verdict?run=../../x").status_code == 404
    assert owner.get("/api/v1/runs/report?run=nothing").status_code == 404
    checks = {one["name"] for one in owner.get("/api/v1/doctor").json()["checks"]}
    assert {"home", "disk", "store"} <= checks
    problem = {"need": "knowledge", "documents": True, "changing": True, "labelled": 0, "gpu": False}
    problem |= {"private": True, "budget_usd": 0, "requests": 10}
    assert owner.post("/api/v1/advise", json=problem).json()["first"]
    assert owner.get("/api/v1/improve/watch").json() == {"signals": []}


def test_one_persons_grades_go_and_votes_are_seen_by_whoever_sees_grades(house: House) -> None:
    owner, expert = house.browser("owner"), house.browser("expert")
    answer = asked(house)
    expert.post("/api/v1/grades", json={"answer_id": answer["answer_id"], "scores": FULL})
    opinion = {"thread_id": answer["thread_id"], "vote": "up"}
    expert.post(f"/api/v1/answers/{answer['answer_id']}/vote", json=opinion)
    assert [one["vote"] for one in owner.get("/api/v1/votes").json()["votes"]] == ["up"]
    assert house.browser("engineer").delete("/api/v1/graders/Expert").status_code == 403
    assert owner.delete("/api/v1/graders/Expert").json() == {"deleted": 1}
    assert owner.get("/api/v1/grades").json()["grades"] == []
