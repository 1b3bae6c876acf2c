"""Endpoints of the loop from grades to models, and of what is remembered: they do what their command does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.assistant.http.people_fakes import House

QUESTION = "How long does the warranty last?"


@pytest.fixture
def house(home: Path) -> Iterator[House]:
    made = House(home)
    yield made
    made.assistant.close()


def test_a_grade_becomes_gold_and_a_grader_is_left_out_by_an_owner_only(house: House) -> None:
    owner, expert = house.browser("owner"), house.browser("expert")
    answer = expert.post("/api/v1/ask", json={"question": QUESTION}).json()
    scores = {"correct": 5, "supported": 5, "complete": 5}
    graded = expert.post("/api/v1/grades", json={"answer_id": answer["answer_id"], "scores": scores})
    assert graded.status_code == 201, graded.text
    golden = {"answer_id": answer["answer_id"], "grader": graded.json()["grader"]}
    assert expert.post("/api/v1/graders/gold", json=golden).status_code == 403
    marked = owner.post("/api/v1/graders/gold", json=golden)
    assert marked.status_code == 200, marked.text
    assert marked.json()["gold"] == 1
    less = {"grader": graded.json()["grader"], "weight": 0.0, "reason": "new here"}
    assert owner.post("/api/v1/graders/weigh", json=less).json()["weight"] == 0.0
    told = owner.get("/api/v1/graders").json()
    assert told["weights"][graded.json()["grader"]] == 0.0
    assert told["history"][-1]["reason"] == "new here"
    assert "checker" in owner.get("/api/v1/graders/calibration").json()
    behind = owner.get(f"/api/v1/answers/{answer['answer_id']}/lineage").json()
    assert behind["answer"]["answer_id"] == answer["answer_id"]


def test_what_one_person_has_remembered_is_not_another_ones(house: House) -> None:
    ann, eve = house.browser("user"), house.browser("expert")
    kept = ann.post("/api/v1/facts", json={"text": "I work in Basel."}).json()
    assert [fact["text"] for fact in ann.get("/api/v1/facts").json()["facts"]] == ["I work in Basel."]
    assert eve.get("/api/v1/facts").json()["facts"] == []
    assert eve.delete(f"/api/v1/facts/{kept['fact_id']}").status_code == 404
    assert (
        ann.put(f"/api/v1/facts/{kept['fact_id']}", json={"text": "I work in Bern."}).json()["text"]
        == "I work in Bern."
    )
    assert ann.delete(f"/api/v1/facts/{kept['fact_id']}").status_code == 200
    assert ann.get("/api/v1/facts").json()["facts"] == []


def test_where_nothing_waits_and_nothing_is_tried_it_says_so(house: House) -> None:
    owner = house.browser("owner")
    thread_id = owner.post("/api/v1/ask", json={"question": QUESTION}).json()["thread_id"]
    refused = owner.post(f"/api/v1/threads/{thread_id}/consent", json={"approved": []})
    assert (refused.status_code, refused.json()["error"]["type"]) == (404, "not_found")
    assert owner.get("/api/v1/improve").json() == {"running": False, "line": "", "cycles": []}
    assert owner.post("/api/v1/improve/stop").json() == {"ok": False}
    assert owner.get("/api/v1/models/improved/canary").json() == {"trials": []}
    assert owner.post("/api/v1/models/improved/canary", json={"version": "1"}).status_code == 404
