"""Fifty people at once: is anything refused or lost, and what does the service itself take of an answer's time?

    python bench/load.py                      50 users for 10 minutes
    python bench/load.py --minutes 1
    python bench/load.py --think 2 6               people in a hurry: what the machine gives at most
    python bench/load.py --embedding fake:words    without the model that embeds the question, either

A service of its own answers with the fake model, which writes at once, so the time of a request is the service's and
that of the small models that find passages. Each user (Locust) has an account and a token, asks what
docs/questions.jsonl asks, goes on in the same conversation, and grades every second answer. Exit code 0 where no
request failed and every grade that was acknowledged is there at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # before this folder, whose training.py would stand for the package

from assistant.cli.output import quiet  # noqa: E402
from assistant.service import Client, find_service  # noqa: E402

USERS = Path(__file__).with_name("load_users.py")
THINK = [15.0, 45.0]
"""Seconds from an answer to the next request: at 240 words a minute 60 words are read in 15, at 40 words a minute a
question of ten is typed in 15 more."""


def main() -> int:
    """Serve, send the users, count; print what was found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--think", type=float, nargs=2, default=THINK, metavar=("LEAST", "MOST"), help="seconds")
    parser.add_argument("--embedding", default="", help="provider:model instead of the default, such as fake:words")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crossroads-load-") as name:
        folder = Path(name)
        process, url = _serve(folder, options.embedding)
        try:
            tokens = _accounts(folder / "home", options.users)
            graded = folder / "graded.txt"
            statistics = _users(url, tokens, graded, options)
            lost = _lost(folder / "home", graded.read_text().split())
            report = {
                "users": options.users,
                "minutes": options.minutes,
                "think_s": options.think,
                "embedding": options.embedding or "default",
                "memory_mb": _peak_mb(process.pid),
                "requests": [_row(one) for one in statistics],
                "failures": sum(one["num_failures"] for one in statistics),
                "grades_acknowledged": len(graded.read_text().split()),
                "grades_lost": lost,
            }
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    print(json.dumps(report, indent=1))
    return 1 if report["failures"] or lost else 0


def _serve(folder: Path, embedding: str) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "assistant", "serve", "--port", "0", "--json", "--home", str(folder / "home")]
    settings = ["models.chat=fake:reader", "store.linger=1", "people.requests_per_minute=0"]
    for setting in [*settings, *([f"models.embedding={embedding}"] if embedding else [])]:
        command += ["--set", setting]
    log = (folder / "serve.log").open("w")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    log.close()
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"the service did not start: {(folder / 'serve.log').read_text()[-2000:]}")
    return process, json.loads(line)["url"]


def _accounts(home: Path, users: int) -> list[str]:
    """The owner's token, who watches the service, then one for each user."""
    client = _client(home)
    tokens = []
    for number in range(users + 1):
        name, role = (f"user {number}", "expert") if number else ("owner", "owner")
        client.run("people/add", {"name": name, "role": role, "password": f"a long password, number {number}"}, quiet)
        scopes = ["ask", "grade"] if number else ["operate"]
        made = client.run("people/token-add", {"name": name, "purpose": "load", "scopes": scopes}, quiet)
        tokens.append(made["secret"])
    return tokens


def _users(url: str, tokens: list[str], graded: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Let the users work; Locust's figures for each kind of request."""
    graded.touch()
    command = [
        sys.executable,
        "-m",
        "locust",
        "-f",
        str(USERS),
        "--headless",
        "--host",
        url,
        "--json",
        "--only-summary",
    ]
    command += ["-u", str(options.users), "-r", "1", "-t", f"{int(options.minutes * 60)}s", "-s", "30"]
    think = " ".join(map(str, options.think))
    environment = {**os.environ, "LOAD_TOKENS": " ".join(tokens), "LOAD_GRADED": str(graded), "LOAD_THINK": think}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def _row(one: dict[str, Any]) -> dict[str, Any]:
    """A kind of request in figures: milliseconds at the median, at 95 and at 99 of 100."""
    times = sorted((float(time_), count) for time_, count in one["response_times"].items())
    total = sum(count for _, count in times)

    def at(share: float) -> float:
        seen = 0
        for milliseconds, count in times:
            seen += count
            if seen >= share * total:
                return milliseconds
        return float("nan")

    figures = {"p50_ms": at(0.5), "p95_ms": at(0.95), "p99_ms": at(0.99)}
    return {"name": one["name"], "n": one["num_requests"], "failures": one["num_failures"], **figures}


def _lost(home: Path, answers: list[str]) -> list[str]:
    client = _client(home)
    return [one for one in answers if not client.run("grades/history", {"answer_id": one}, quiet)["grades"]]


def _client(home: Path) -> Client:
    service = find_service(home)
    assert service is not None
    return Client(service)


def _peak_mb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status")
    if not status.is_file():
        return 0
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


if __name__ == "__main__":
    sys.exit(main())
