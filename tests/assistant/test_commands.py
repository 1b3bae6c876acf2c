from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assistant.app import Assistant
from assistant.cli import common, main, place
from assistant.cli.quick import plain_question, run_quick
from assistant.operations import run_here
from eval.sample import read_samples
from graphs.errors import UsageError
from tests.assistant.conftest import Served

QUESTION = "How long does the warranty last?"
HEAVY = (
    "torch",
    "gradio",
    "langchain",
    "langchain_core",
    "langgraph",
    "openvino",
    "weaviate",
    "transformers",
    "sqlalchemy",
)


@pytest.fixture
def here(assistant: Assistant, monkeypatch: pytest.MonkeyPatch) -> Assistant:
    """Commands find this assistant instead of opening one."""
    from contextlib import contextmanager

    @contextmanager
    def session(home: Any, overrides: Any, *, tell: bool = True) -> Any:
        yield lambda operation, arguments, on_event: run_here(assistant, operation, arguments, on_event)

    for module in ("ask", "chat", "ingest", "knowledge"):
        monkeypatch.setattr(f"assistant.cli.{module}.session", session)
    return assistant


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("arguments", [["--help"], ["ask", "--help"], ["knowledge", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = f"""
import sys
from assistant.cli.main import run
run({arguments!r})
print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip().splitlines()[-1] == "[]"


def test_a_question_to_a_service_loads_the_standard_library_alone(served: Served, home: Path) -> None:
    code = """
import sys
from assistant.cli import quick
from assistant.service import Service
quick.find_service = lambda home: Service(sys.argv[1], 0, sys.argv[2])
code = quick.run_quick(["ask", "2+2", "--json"])
print([name for name in ("typer", "pydantic", "rich", "platformdirs") if name in sys.modules], code, file=sys.stderr)
"""
    command = [sys.executable, "-c", code, served.url, served.service.token]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.strip().splitlines()[-1] == "[] 0"
    assert json.loads(done.stdout)["text"] == "2+2 = 4"


@pytest.mark.parametrize("command", ["serve", "ask", "chat", "ingest", "doctor"])
def test_every_command_shows_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([command, "--help"]) == 0
    assert f"Example: crossroads {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("group", "command"),
    [("knowledge", name) for name in ("list", "show", "delete", "stats", "search")]
    + [("models", name) for name in ("list", "pull", "show", "promote", "rollback", "remove")],
)
def test_every_subcommand_shows_an_example(group: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([group, command, "--help"]) == 0
    assert f"Example: crossroads {group} {command}" in capsys.readouterr().out


def test_ask_prints_the_answer_and_the_store(here: Assistant, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["ask", QUESTION, "--json"]) == 0
    answer = printed(capsys)
    assert "24 months" in answer["text"]
    assert answer["store"] == "list"
    assert {"route", "citations", "grounding", "abstained", "usage", "timing", "thread_id", "answer_id"} <= set(answer)


def test_ask_keeps_standard_output_for_the_answer(here: Assistant, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["ask", QUESTION]) == 0
    output = capsys.readouterr()
    assert output.out.startswith("The warranty lasts 24 months")
    assert "searching" in output.err


@pytest.mark.parametrize(
    ("arguments", "code", "kind"),
    [
        (["ask", ""], 2, "usage"),
        (["ask", QUESTION, "--thread", "nope"], 2, "not_found"),
        (["ask", QUESTION, "--path", "sideways"], 2, "usage"),
        (["ask", QUESTION, "--bogus"], 2, "usage"),
        (["ask", "--batch", "x.jsonl"], 2, "usage"),
        (["ask", QUESTION, "--model", "fake:fail-timeout", "--path", "zero_shot"], 1, "timeout"),
        (["sing"], 2, "usage"),
        (["ingest"], 2, "usage"),
        (["models", "show", "nobody"], 2, "not_found"),
        (["models", "list", "--set", "nonsense"], 2, "usage"),
        (["models", "list", "--set", "serve.prot=1"], 2, "settings"),
    ],
)
def test_errors_have_a_code_a_type_and_a_cure(
    here: Assistant, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, kind: str
) -> None:
    assert main.run([*arguments, "--json"]) == code
    error = printed(capsys)["error"]
    assert error["type"] == kind
    assert error["message"]
    assert error["cure"]


def test_an_error_for_a_person_is_two_lines(here: Assistant, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["ask", QUESTION, "--thread", "nope"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert len(output.err.strip().splitlines()) == 2


def test_what_nobody_foresaw_prints_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("assistant.cli.ask.session", broken)
    assert main.run(["ask", "hello"]) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("assistant.cli.ask.session", interrupted)
    assert main.run(["ask", "hello"]) == main.INTERRUPTED


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    path = tmp_path / "samples.jsonl"
    rows = [
        {"id": "a", "input": "What colour is the car?", "contexts": ["The car is red."]},
        {"id": "b", "input": "What colour is the sky?", "contexts": ["The sky is blue."], "target": "blue"},
        {"id": 3, "input": " ", "contexts": []},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def rows_of(path: Path) -> dict[str, Any]:
    return {row["id"]: row for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())}


def test_a_batch_has_one_row_for_each_sample(here: Assistant, samples: Path, tmp_path: Path) -> None:
    out = tmp_path / "answers.jsonl"
    assert main.run(["ask", "--batch", str(samples), "--out", str(out)]) == 1
    rows = rows_of(out)
    assert "red" in rows["a"]["text"]
    assert "blue" in rows["b"]["text"]
    assert rows["3"]["error"]["type"] == "usage"
    assert here.threads.list() == []


def test_a_batch_goes_on_where_it_stopped(here: Assistant, samples: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "answers.jsonl"
    done = {"id": "a", "text": "kept as it is"}
    out.write_text(json.dumps(done) + '\n{"id": "b", "te', encoding="utf-8")
    main.run(["ask", "--batch", str(samples), "--out", str(out), "--json"])
    assert rows_of(out)["a"] == done
    assert "blue" in rows_of(out)["b"]["text"]
    assert printed(capsys)["skipped"] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "line 1 is not JSON"),
        ("[]", "not a JSON object"),
        ('{"id": "a"}', "'input'"),
        ('{"id": "a", "input": "x"}\n{"id": "a", "input": "y"}', "line 2: the id 'a'"),
    ],
)
def test_a_bad_sample_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        read_samples(path)


def test_strange_line_ends_inside_a_sample_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text(json.dumps({"id": "a", "input": "one\u2028two\x85three"}, ensure_ascii=False), encoding="utf-8")
    assert read_samples(path)[0].input == "one\u2028two\x85three"


def test_ingest_prints_the_report(here: Assistant, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "note.md").write_text("The gate is green.", encoding="utf-8")
    assert main.run(["ingest", str(tmp_path / "note.md"), "--json"]) == 0
    assert set(printed(capsys)) >= {"documents", "chunks", "unchanged", "failed", "seconds"}


def test_knowledge_stats_says_which_store(here: Assistant, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["knowledge", "stats", "--json"]) == 0
    stats = printed(capsys)
    assert {"kind", "version", "url"} <= set(stats)
    assert (stats["documents"], stats["chunks"]) == (1, 1)


def test_chat_keeps_the_conversation(
    here: Assistant, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = iter([QUESTION, "/path zero_shot", "hello", "/dance"])

    def type_in(prompt: str) -> str:
        line = next(lines, None)
        if line is None:
            raise EOFError
        return line

    monkeypatch.setattr("builtins.input", type_in)
    assert main.run(["chat"]) == 0
    output = capsys.readouterr()
    assert "24 months" in output.out
    assert "/dance" in output.err
    assert [len(here.threads.turns(info.thread_id)) for info in here.threads.list()] == [2]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["ask", "hi", "--json"], {"question": "hi", "as_json": True}),
        (
            ["ask", "--path=rag", "hi", "--thread", "t"],
            {"question": "hi", "path": "rag", "thread_id": "t", "as_json": False},
        ),
        (["ask", "hi", "--set", "a=b"], None),
        (["ask", "--help"], None),
        (["ask", "hi", "there"], None),
        (["ask", "hi", "--path"], None),
        (["ask", ""], None),
        (["ask", "-"], None),
        (["doctor"], None),
    ],
)
def test_only_plain_questions_take_the_short_way(arguments: list[str], expected: object) -> None:
    assert plain_question(arguments) == expected


def test_the_short_way_prints_errors_as_the_long_one(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("assistant.cli.quick.find_service", lambda home: served.service)
    assert run_quick(["ask", "hi", "--thread", "nope", "--json"]) == 2
    assert printed(capsys)["error"]["type"] == "not_found"


def test_without_a_service_the_long_way_is_taken(home: Path) -> None:
    assert run_quick(["ask", "hi"]) is None


@pytest.mark.parametrize("source", ["flag", "variable", "dotenv", "file", "default"])
def test_the_home_is_the_one_the_settings_say(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CROSSROADS_HOME")
    flag = tmp_path / "flag" if source == "flag" else None
    if source == "variable":
        monkeypatch.setenv("CROSSROADS_HOME", str(tmp_path / "variable"))
    if source == "dotenv":
        Path(".env").write_text(f"CROSSROADS_HOME={tmp_path}/dotenv\n", encoding="utf-8")
    if source == "file":
        Path("crossroads.toml").write_text(f'home = "{tmp_path}/file"\n', encoding="utf-8")
    assert place.home_folder(flag) == common.settings_for(flag).home


def test_a_session_goes_through_the_running_service(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.cli.common.find_service", lambda home: served.service)
    with common.session(None, None) as run:
        assert run("knowledge/stats", {}, print)["documents"] == 1
