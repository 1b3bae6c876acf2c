"""What each of the users of `bench/load.py` does; Locust runs this file."""

from __future__ import annotations

import itertools
import json
import os
import random
from pathlib import Path

from locust import HttpUser, between, task

ASKED = Path(__file__).resolve().parents[1] / "docs" / "questions.jsonl"
QUESTIONS = [json.loads(line)["input"] for line in ASKED.read_text(encoding="utf-8").splitlines()]
QUESTIONS += ["What is 17 * 23?", "hello"]
SCORES = {"correct": 4, "supported": 4, "complete": 4}
OWNER, *TOKENS = os.environ["LOAD_TOKENS"].split()
_next = itertools.cycle(TOKENS)


class Person(HttpUser):
    """Asks, reads for a while, goes on, and says what they think of every second answer."""

    wait_time = between(*map(float, os.environ["LOAD_THINK"].split()))

    def on_start(self) -> None:
        """Come with a token of one's own."""
        self.client.headers["Authorization"] = f"Bearer {next(_next)}"
        self.thread_id, self.asked = "", 0

    @task(10)
    def ask(self) -> None:
        """A question; a new conversation after every fifth."""
        body = {"question": random.choice(QUESTIONS), "thread_id": self.thread_id if self.asked % 5 else ""}  # noqa: S311
        with self.client.post("/api/v1/ask", json=body, name="ask", catch_response=True) as response:
            if response.status_code != 200:
                return response.failure(f"{response.status_code}: {response.text[:200]}")
            answer = response.json()
            taken = 1000 * response.elapsed.total_seconds() - answer["timing"]["generate"]
        event = {"request_type": "", "name": "ask, less the model's writing", "response_length": 0, "exception": None}
        self.environment.events.request.fire(**event, response_time=max(0.0, taken), context={})
        self.thread_id, self.asked = answer["thread_id"], self.asked + 1
        if self.asked % 2 == 0:
            self.grade(answer["answer_id"])
        return None

    def grade(self, answer_id: str) -> None:
        """A grade; what the service acknowledged is written down and looked for at the end."""
        body = {
            "answer_id": answer_id,
            "outcome": "graded",
            "scores": SCORES,
            "comment": "load",
        }
        with self.client.post("/api/v1/grades", json=body, name="grade", catch_response=True) as response:
            if response.status_code != 201:
                return response.failure(f"{response.status_code}: {response.text[:200]}")
        with Path(os.environ["LOAD_GRADED"]).open("a", encoding="utf-8") as told:
            told.write(f"{answer_id}\n")
        return None

    @task(2)
    def look(self) -> None:
        """The list of conversations."""
        self.client.get("/api/v1/threads", name="threads")

    @task(1)
    def metrics(self) -> None:
        """What a monitor asks."""
        self.client.get("/metrics", name="metrics", headers={"Authorization": f"Bearer {OWNER}"})
