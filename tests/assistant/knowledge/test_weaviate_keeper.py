"""The keeper, with `sleep` in the place of the server."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from assistant.knowledge import weaviate_keeper
from assistant.knowledge.weaviate_keeper import Job, started

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    """Something to keep; what is left of it after the test is ended by its recorded ids."""
    places = {name: str(tmp_path / name) for name in ("log", "users", "start_lock", "keeper_lock")}
    made = Job(
        ["sleep", "600"], dict(os.environ), record=str(tmp_path / "x.json"), about={"key": "k"}, linger=60, **places
    )
    Path(made.users).touch()
    yield made
    with contextlib.suppress(OSError, ValueError):
        left = json.loads(Path(made.record).read_text())
        for name in ("keeper", "pid"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(left[name], signal.SIGKILL)


def keep(job: Job) -> dict[str, int]:
    """Start a keeper; returns its record, or nothing where it wrote none."""
    command = [sys.executable, "-I", weaviate_keeper.__file__]
    subprocess.run(command, input=json.dumps(asdict(job)).encode(), stdout=subprocess.PIPE, check=True)
    return record(job)


def record(job: Job) -> dict[str, int]:
    path = Path(job.record)
    return dict(json.loads(path.read_text())) if path.exists() else {}


def until(true: Callable[[], bool]) -> None:
    """Wait for it; the test's own timeout is what ends a wait in vain."""
    while not true():
        time.sleep(0.02)


def gone(pid: int) -> bool:
    return started(pid) is None


def test_starts_the_server_and_writes_where_it_is(job: Job) -> None:
    known = keep(job)

    assert not gone(known["pid"])
    assert known["key"] == "k"  # type: ignore[comparison-overlap]
    assert Path(job.record).stat().st_mode & 0o777 == 0o600


def test_stops_the_server_when_nobody_uses_it(job: Job) -> None:
    known = keep(replace(job, linger=0.2))

    until(lambda: gone(known["pid"]) and gone(known["keeper"]))

    assert record(job) == {}


def test_a_killed_user_counts_no_longer(job: Job) -> None:
    hold = (
        "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_SH); print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, job.users], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as user:
        assert user.stdout
        user.stdout.readline()
        known = keep(replace(job, linger=0.1))
        time.sleep(0.5)
        assert not gone(known["pid"])

        user.kill()
        until(lambda: gone(known["pid"]))


def test_told_to_stop_it_takes_the_server_with_it(job: Job) -> None:
    known = keep(job)

    os.kill(known["keeper"], signal.SIGTERM)

    until(lambda: gone(known["pid"]) and gone(known["keeper"]))
    assert record(job) == {}


def test_ends_with_its_server(job: Job) -> None:
    known = keep(job)

    os.kill(known["pid"], signal.SIGKILL)

    until(lambda: gone(known["keeper"]))
    assert record(job) == {}


def test_adopts_a_server_whose_keeper_was_killed(job: Job) -> None:
    first = keep(job)
    os.kill(first["keeper"], signal.SIGKILL)
    until(lambda: gone(first["keeper"]))

    second = keep(replace(job, adopt=first["pid"], linger=0.2))

    assert second["pid"] == first["pid"]
    assert second["keeper"] != first["keeper"]
    until(lambda: gone(second["pid"]))


def test_two_keepers_do_not_keep_one_home(job: Job) -> None:
    first = keep(job)

    assert keep(job) == first


def test_a_removed_home_takes_the_server_with_it(job: Job) -> None:
    known = keep(job)

    Path(job.users).unlink()

    until(lambda: gone(known["pid"]) and gone(known["keeper"]))


def test_leaves_the_record_of_another_server_alone(job: Job) -> None:
    known = keep(job)
    Path(job.record).write_text(json.dumps({"pid": 1, "keeper": 0}))

    os.kill(known["pid"], signal.SIGKILL)
    until(lambda: gone(known["keeper"]))

    assert record(job) == {"pid": 1, "keeper": 0}
    Path(job.record).unlink()


def test_a_server_that_cannot_be_started_leaves_its_reason_in_the_log(job: Job, tmp_path: Path) -> None:
    command = [sys.executable, "-I", weaviate_keeper.__file__]
    absent = replace(job, command=[str(tmp_path / "absent")])

    done = subprocess.run(command, input=json.dumps(asdict(absent)).encode(), capture_output=True, check=False)

    assert b"FileNotFoundError" in done.stderr
    assert record(job) == {}


def test_the_lock_is_waited_for_no_longer_than_told(tmp_path: Path) -> None:
    with open(tmp_path / "lock", "a") as one, open(tmp_path / "lock", "a") as other:
        assert weaviate_keeper.lock(one, fcntl.LOCK_EX, 0)
        assert not weaviate_keeper.lock(other, fcntl.LOCK_SH, 0.05)


def test_a_process_that_ended_is_told_from_one_that_runs() -> None:
    with subprocess.Popen(["sleep", "600"]) as process:
        mark = started(process.pid)
        assert mark
        process.kill()
        until(lambda: started(process.pid) is None)  # a zombie, until it is waited for


def test_a_server_that_ends_at_once_is_not_taken_for_a_running_one(job: Job) -> None:
    for _ in range(5):  # it may end before or after the keeper looks at it
        keep(replace(job, command=["true"]))
        until(lambda: record(job) == {})

        with open(job.keeper_lock, "a") as file:
            assert weaviate_keeper.lock(file, fcntl.LOCK_EX, 10)  # the keeper has ended as well
