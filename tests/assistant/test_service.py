from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.service import Client, Service, announce, error_from_json, find_service, only_service, withdraw
from graphs.errors import BusyError, CrossroadsError, NotFoundError, StorageError

HOLD = """
import sys, time
from pathlib import Path
from assistant.service import announce, only_service
with only_service(Path(sys.argv[1])):
    announce(Path(sys.argv[1]), "http://127.0.0.1:9")
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(home: Path) -> subprocess.Popen[str]:
    """Another process that serves the home."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(home)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_home_that_was_never_served_has_no_service(home: Path) -> None:
    assert find_service(home) is None
    assert not home.exists()


def test_a_second_service_is_refused_naming_the_first(home: Path, other: subprocess.Popen[str]) -> None:
    with pytest.raises(BusyError, match=f"9 by process {other.pid}"), only_service(home):
        pass


def test_a_client_finds_the_running_service(home: Path, other: subprocess.Popen[str]) -> None:
    found = find_service(home)
    assert found is not None
    assert (found.url, found.pid) == ("http://127.0.0.1:9", other.pid)


def test_what_a_killed_service_left_is_harmless(home: Path, other: subprocess.Popen[str]) -> None:
    other.kill()
    other.wait()
    assert (home / "run" / "service.json").exists()
    assert find_service(home) is None
    with only_service(home):
        assert not (home / "run" / "service.json").exists()


def test_the_address_is_for_its_owner_alone(home: Path) -> None:
    with only_service(home):
        announce(home, "http://127.0.0.1:1")
        assert (home / "run" / "service.json").stat().st_mode & 0o077 == 0
        withdraw(home)
        assert not (home / "run" / "service.json").exists()


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"), only_service(tmp_path / "file"):
        pass


def test_a_service_that_went_away_is_an_error_with_a_cure() -> None:
    with pytest.raises(BusyError, match="stopped") as caught:
        Client(Service("http://127.0.0.1:9", 1, "")).run("ask", {}, print)
    assert "crossroads serve" in caught.value.cure


def test_an_error_keeps_its_class_over_the_wire() -> None:
    error = error_from_json(json.loads(json.dumps(NotFoundError("No thread 'x'.", "Name another.").as_json())))
    assert isinstance(error, NotFoundError)
    assert (error.message, error.cure) == ("No thread 'x'.", "Name another.")


def test_an_unknown_error_is_still_one_of_ours() -> None:
    assert type(error_from_json({"error": {"type": "of the future", "message": "m", "cure": "c"}})) is CrossroadsError
    assert "weird" in error_from_json({"weird": os.name}).message
