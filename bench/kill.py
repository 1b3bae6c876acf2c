"""Kill -9 the service at random moments and look whether anything acknowledged was lost and whether it starts again.

    python bench/kill.py --times 20                                     the default models
    python bench/kill.py --times 3 --chat "fake:reader?delay=0.05" --embedding fake:words      quickly, with fake models

Every round one client asks in one conversation after the other and one loads documents, until the service is killed.
What a client was told is done must be there after the next start: each turn with its answer to the letter, each grade,
each document in the list and found by a search for a word only it has. An interrupted turn must show as one, and its
conversation must go on. Exit code 0 where nothing was lost, 1 otherwise.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # before this folder, whose training.py would stand for the package

from assistant.cli.output import quiet  # noqa: E402
from assistant.service import Client, find_service  # noqa: E402
from graphs.errors import CrossroadsError  # noqa: E402

SCORES = {"correct": 4, "supported": 4, "complete": 4}
QUESTIONS = [
    "When should I fine-tune rather than retrieve?",
    "What does retrieval need?",
    "And what does it cost?",
    "hello",
]


@dataclass
class Told:
    """What clients were told is done."""

    answers: dict[str, dict[str, str]] = field(default_factory=dict)
    """Conversation → answer id → text."""
    documents: dict[str, str] = field(default_factory=dict)
    """Source → the word only it has."""
    grades: set[str] = field(default_factory=set)
    """Answers whose grade was acknowledged."""
    interrupted: set[str] = field(default_factory=set)
    """Conversations with a turn that was under way."""


def main() -> int:
    """Run the rounds; print what was found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=float, default=6.0, help="seconds until the kill, at most")
    parser.add_argument("--chat", default="")
    parser.add_argument("--embedding", default="")
    options = parser.parse_args()
    chance = random.Random(options.seed)  # noqa: S311 - the moments of the kills can be repeated
    told, losses, starts = Told(), [], []
    with tempfile.TemporaryDirectory(prefix="crossroads-kill-") as folder:
        home = Path(folder) / "home"
        for number in range(options.times):
            process, seconds = start(home, options)
            starts.append(seconds)
            client = Client(service_of(home))
            losses += check(client, told)
            work(client, told, Path(folder), number, process, chance.uniform(0.2, options.longest))
            print(f"{number + 1}: {describe(told)}, started in {seconds:.1f} s, lost {losses}", file=sys.stderr)
        process, seconds = start(home, options)
        losses += check(Client(service_of(home)), told)
        losses += go_on(Client(service_of(home)), told)
        process.send_signal(signal.SIGTERM)
        code = process.wait(30)
    answers = sum(len(texts) for texts in told.answers.values())
    report = {
        "kills": options.times,
        "turns_acknowledged": answers,
        "grades_acknowledged": len(told.grades),
        "documents_acknowledged": len(told.documents),
        "conversations_interrupted": len(told.interrupted),
        "losses": losses,
        "start_seconds": {"median": sorted(starts)[len(starts) // 2], "longest": max(starts)},
        "last_exit_code": code,
    }
    print(json.dumps(report, indent=1))
    return 1 if losses or code else 0


def start(home: Path, options: argparse.Namespace) -> tuple[subprocess.Popen[str], float]:
    """A service that says it is ready, and the seconds that took."""
    command = [sys.executable, "-m", "assistant", "serve", "--port", "0", "--home", str(home), "--json"]
    command += ["--set", "store.linger=5"]  # the store outlives a kill, and ends soon after the last round
    command += ["--set", "knowledge.alpha=0"]  # by words alone: a search for a word only one document has must find it
    for key in ("chat", "embedding"):
        if getattr(options, key):
            command += ["--set", f"models.{key}={getattr(options, key)}"]
    since = time.monotonic()
    log = (home.parent / "serve.log").open("a")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    log.close()
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"the service did not start again: {(home.parent / 'serve.log').read_text()[-2000:]}")
    return process, time.monotonic() - since


def service_of(home: Path) -> Any:
    """The running service."""
    service = find_service(home)
    assert service is not None
    return service


def work(client: Client, told: Told, folder: Path, number: int, process: subprocess.Popen[str], seconds: float) -> None:
    """Ask and load until the service is killed."""
    over = threading.Event()
    clients = [
        threading.Thread(target=ask, args=(client, told, over)),
        threading.Thread(target=load, args=(client, told, folder, number, over)),
    ]
    for thread in clients:
        thread.start()
    time.sleep(seconds)
    process.kill()
    over.set()
    process.wait()
    for thread in clients:
        thread.join()


def ask(client: Client, told: Told, over: threading.Event) -> None:
    """One conversation after the other, three turns each."""
    while not over.is_set():
        thread_id = ""
        for question in QUESTIONS[:3]:
            try:
                answer = client.run("ask", {"question": question, "thread_id": thread_id}, quiet)["answer"]
            except CrossroadsError:
                told.interrupted |= {thread_id} - {""}
                return
            thread_id = answer["thread_id"]
            told.answers.setdefault(thread_id, {})[answer["answer_id"]] = answer["text"]
            try:
                client.run(
                    "grades/record",
                    {"answer_id": answer["answer_id"], "scores": {"correct": 4, "supported": 4, "complete": 4}},
                    quiet,
                )
            except CrossroadsError:
                return
            told.grades.add(answer["answer_id"])


def load(client: Client, told: Told, folder: Path, number: int, over: threading.Event) -> None:
    """One small document after the other."""
    count = 0
    while not over.is_set():
        word = f"zebra{number}x{count}"
        path = folder / f"{word}.md"
        path.write_text(f"# Note {word}\n\nThe password of the {word} gate is {word}.\n", encoding="utf-8")
        try:
            report = client.run("ingest", {"sources": [str(path)]}, quiet)
        except CrossroadsError:
            return
        if report["documents"] == 1:
            told.documents[str(path)] = word
        count += 1


def check(client: Client, told: Told) -> list[str]:
    """What was told to be done and is not there."""
    lost = []
    for thread_id, texts in told.answers.items():
        turns = client.run("threads/show", {"thread_id": thread_id}, quiet)["turns"]
        there = {turn["answer"]["answer_id"]: turn["answer"]["text"] for turn in turns if turn["answer"]}
        lost += [f"answer {answer_id}" for answer_id, text in texts.items() if there.get(answer_id) != text]
    for answer_id in told.grades:
        if not client.run("grades/history", {"answer_id": answer_id}, quiet)["grades"]:
            lost.append(f"grade of {answer_id}")
    listed = {row["source"] for row in client.run("knowledge/list", {}, quiet)["documents"]}
    for source, word in told.documents.items():
        hits = client.run("knowledge/search", {"question": word, "k": 3}, quiet)["hits"]
        if source not in listed or not any(hit["source"] == source for hit in hits):
            lost.append(f"document {source}")
    return lost


def go_on(client: Client, told: Told) -> list[str]:
    """Interrupted conversations that cannot go on."""
    stuck = []
    for thread_id in told.interrupted:
        turns = client.run("threads/show", {"thread_id": thread_id}, quiet)["turns"]
        if turns[-1]["answer"] is None or turns[-1]["answer"]["answer_id"] in told.answers.get(thread_id, {}):
            try:
                client.run("ask", {"question": "hello", "thread_id": thread_id}, quiet)
            except CrossroadsError as error:
                stuck.append(f"conversation {thread_id} is stuck: {error}")
    return stuck


def describe(told: Told) -> str:
    """A line on what was done so far."""
    answers = sum(len(texts) for texts in told.answers.values())
    return f"{answers} turns and {len(told.documents)} documents acknowledged, {len(told.interrupted)} interrupted"


if __name__ == "__main__":
    sys.exit(main())
