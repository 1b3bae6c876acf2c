from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from langchain_core.tools import StructuredTool
from typer.testing import CliRunner

from assistant.app import Assistant
from assistant.cli.main import app
from assistant.records import Consent, Request
from assistant.service import Client
from assistant.ui import turns
from graphs.errors import NotFoundError
from graphs.tools.box import ToolBox
from tests.assistant.conftest import Served
from tests.assistant.home_fakes import open_fake

ORDER = 'Send a letter to a person: to: Ann, text: "the key is under the mat"'


def with_post(assistant: Assistant, outbox: Path) -> Assistant:
    """Give an assistant a tool that acts: it writes letters to a file."""

    def send_letter(to: str, text: str) -> str:
        """Send a letter to a person."""
        with outbox.open("a", encoding="utf-8") as file:
            file.write(f"{to}: {text}\n")
        return f"sent to {to}"

    assistant.tools._box = ToolBox([StructuredTool.from_function(send_letter)])
    return assistant


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    return tmp_path / "outbox.txt"


@pytest.fixture
def asked(assistant: Assistant, outbox: Path) -> Assistant:
    return with_post(assistant, outbox)


def test_consent_survives_a_restart(home: Path, outbox: Path) -> None:
    with open_fake(home) as first:
        waiting = with_post(first, outbox).ask(Request(question=ORDER))
    assert not outbox.exists()
    with open_fake(home) as second:
        with_post(second, outbox)
        shown = second.threads.turns(waiting.thread_id)[-1].answer
        assert shown is not None
        assert shown.pending == waiting.pending
        done = _agree(second, waiting.thread_id, [waiting.pending[0].call_id])
        assert "sent to Ann" in done.text
        assert second.threads.turns(waiting.thread_id)[-1].answer == done
    assert outbox.read_text(encoding="utf-8") == "Ann: the key is under the mat\n"


def test_consent_is_given_once(asked: Assistant, outbox: Path) -> None:
    waiting = asked.ask(Request(question=ORDER))
    call = waiting.pending[0].call_id
    _agree(asked, waiting.thread_id, [call])
    with pytest.raises(NotFoundError, match="waits for consent"):
        _agree(asked, waiting.thread_id, [call])
    assert outbox.read_text(encoding="utf-8").count("\n") == 1


def test_an_unknown_call_agrees_to_nothing(asked: Assistant, outbox: Path) -> None:
    waiting = asked.ask(Request(question=ORDER))
    done = _agree(asked, waiting.thread_id, ["something else"])
    assert not outbox.exists()
    assert "did not agree" in done.text


def test_over_http_it_waits_and_goes_on(asked: Assistant, served: Served, outbox: Path) -> None:
    client = Client(served.service)
    waiting = client.run("ask", {"question": ORDER}, lambda event: None)["answer"]
    assert waiting["pending"][0]["arguments"]["to"] == "Ann"
    arguments = {"thread_id": waiting["thread_id"], "approved": [waiting["pending"][0]["call_id"]]}
    done = client.run("approve", arguments, lambda event: None)["answer"]
    assert "sent to Ann" in done["text"]
    assert outbox.exists()


def test_openais_address_never_acts(asked: Assistant, served: Served, outbox: Path) -> None:
    body = {"model": "crossroads", "messages": [{"role": "user", "content": ORDER}]}
    with httpx.Client(base_url=served.url, headers={"Authorization": f"Bearer {served.service.token}"}) as client:
        answer = client.post("/v1/chat/completions", json=body).json()
    assert not outbox.exists()
    assert any("consent" in notice for notice in answer["crossroads"]["notices"])


def test_the_command_line_agrees_and_refuses(asked: Assistant, outbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import nullcontext

    from assistant.operations import run_here

    run = nullcontext(lambda name, arguments, on_event: run_here(asked, name, arguments, on_event))
    monkeypatch.setattr("assistant.cli.approve.session", lambda *_: run)
    first, second = (asked.ask(Request(question=ORDER)).thread_id for _ in range(2))
    assert "did not agree" in CliRunner().invoke(app, ["approve", first, "--refuse"]).stdout
    assert not outbox.exists()
    assert "sent to Ann" in CliRunner().invoke(app, ["approve", second]).stdout


def test_the_page_shows_what_is_about_to_happen(asked: Assistant) -> None:
    waiting = asked.ask(Request(question='Send a letter to a person: to: Ann, text: "<img src=x onerror=alert(1)>"'))
    html = turns.answer(waiting, None, asked.paths())
    assert "Shall I do this?" in html
    assert "<img" not in html
    assert f'data-call="{waiting.pending[0].call_id}"' in html


KILLED = """
import sys
from pathlib import Path
from assistant.records import Consent, Request
from tests.assistant.home_fakes import open_fake
from tests.assistant.test_approvals import ORDER
from graphs.tools.box import ToolBox
from langchain_core.tools import StructuredTool

home, outbox = Path(sys.argv[1]), Path(sys.argv[2])

def send_letter(to: str, text: str) -> str:
    "Send a letter to a person."
    import time
    outbox.write_text("Ann", encoding="utf-8")
    print("sending", flush=True)
    time.sleep(60)

assistant = open_fake(home)
assistant.tools._box = ToolBox([StructuredTool.from_function(send_letter)])
waiting = assistant.ask(Request(question=ORDER))
print(waiting.thread_id, flush=True)
run = assistant.resume(Consent(thread_id=waiting.thread_id, approved=[waiting.pending[0].call_id]))
list(run)
"""


def test_killed_while_a_tool_acts_it_is_never_done_twice(home: Path, outbox: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(home), str(outbox)],
        stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert child.stdout is not None
    with child:
        thread_id = child.stdout.readline().strip()
        assert child.stdout.readline().strip() == "sending"
        child.send_signal(signal.SIGKILL)
    outbox.unlink()
    with open_fake(home) as after:
        with_post(after, outbox)
        assert after.threads.turns(thread_id)[-1].answer is None
        with pytest.raises(NotFoundError):
            after.threads.waiting(thread_id)
        state = after._graph.get_state({"configurable": {"thread_id": thread_id}})
        assert state.next == ("use_tools",)
        call = state.values["calls"][0]["call_id"]
        assert after.tool_runs.begin(call) is False
        answer = after.ask(Request(question="How long does the warranty last?", thread_id=thread_id))
        assert "24 months" in answer.text
    assert not outbox.exists()


def test_a_turn_is_saved_once_and_one_that_acts_at_each_step(asked: Assistant, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[str] = []
    kind = type(asked._saver)  # LangGraph works on a copy of the saver
    put = kind.put

    def counted(self, config, checkpoint, *rest):  # type: ignore[no-untyped-def]
        saved.append(checkpoint["id"])
        return put(self, config, checkpoint, *rest)

    monkeypatch.setattr(kind, "put", counted)
    asked.ask(Request(question="How long does the warranty last?"))
    assert len(saved) == 1
    waiting = asked.ask(Request(question=ORDER))
    assert len(saved) == 2
    _agree(asked, waiting.thread_id, [waiting.pending[0].call_id])
    assert len(saved) > 4


def _agree(assistant: Assistant, thread_id: str, approved: list[str]):  # type: ignore[no-untyped-def]
    run = assistant.resume(Consent(thread_id=thread_id, approved=approved))
    list(run)
    if run.error:
        raise run.error
    assert run.answer is not None
    return run.answer


def test_while_a_turn_is_going_on_consent_has_to_wait(asked: Assistant) -> None:
    from graphs.errors import BusyError

    waiting = asked.ask(Request(question=ORDER))
    release = asked.threads.take(waiting.thread_id)
    with pytest.raises(BusyError):
        asked.resume(Consent(thread_id=waiting.thread_id, approved=[]))
    release()
    assert _agree(asked, waiting.thread_id, []).abstained
