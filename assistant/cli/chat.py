"""`crossroads chat`: a conversation in the terminal."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from assistant.cli.common import Home, Json, Run, Set, session
from assistant.cli.output import put, put_json, quiet, say, show
from graphs.errors import CrossroadsError, UsageError

_HELP = "Ask away. /new starts over, /path rag forces a path, /path auto gives the choice back; Ctrl-D ends."
_CHECKED = ("rag", "tuned_rag")


def chat(
    thread: Annotated[str, typer.Option(help="The conversation to go on with.", show_default=False)] = "",
    path: Annotated[str, typer.Option(help="auto, zero_shot, few_shot, rag, tuned, tuned_rag or tools.")] = "auto",
    collection: Annotated[str, typer.Option(help="Where to look.", show_default=False)] = "",
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Talk in the terminal. With --json each answer is printed as one line of JSON.

    Example: crossroads chat --thread 3f0c…
    """
    with session(home, set_) as run:
        talk = _Talk(run, thread, path, collection, as_json)
        if thread:
            talk.show_past()
        say(_HELP)
        while (line := _read_line()) is not None:
            talk.take(line.strip())
    return 0


class _Talk:
    """A conversation and what was chosen for its next question."""

    def __init__(self, run: Run, thread: str, path: str, collection: str, as_json: bool) -> None:
        self._run = run
        self._thread = thread
        self._path = path
        self._collection = collection
        self._json = as_json

    def show_past(self) -> None:
        """Print the conversation so far."""
        for turn in self._run("threads/show", {"thread_id": self._thread}, quiet)["turns"]:
            say(f"> {turn['question']}")
            say(turn["answer"]["text"] if turn["answer"] else "(interrupted)")

    def take(self, line: str) -> None:
        """Do what a line says. Errors are printed and the conversation goes on."""
        try:
            if line.startswith("/"):
                self._command(*line[1:].split())
            elif line:
                self._ask(line)
        except CrossroadsError as error:
            if self._json:
                put_json(error.as_json())
            else:
                say(f"{error.message}\n{error.cure}")

    def _command(self, name: str = "", value: str = "") -> None:
        if name == "new":
            self._thread = ""
        elif name == "path":
            self._path = value or "auto"
        else:
            raise UsageError(f"There is no command {'/' + name!r}.", _HELP)

    def _ask(self, question: str) -> None:
        printer = _Printer()
        arguments = {
            "question": question,
            "thread_id": self._thread,
            "path": self._path,
            "collection": self._collection,
        }
        try:
            result = self._run("ask", arguments, quiet if self._json else printer.take)
        except KeyboardInterrupt:
            say("\nstopped")
            return
        answer = result["answer"]
        self._thread = answer["thread_id"]
        if self._json:
            put_json({**answer, "store": result["store"]})
        else:
            printer.finish(answer)
        if answer.get("pending") and not self._json:
            self._decide(answer)

    def _decide(self, answer: dict[str, Any]) -> None:
        """Ask for consent and go on; anything but yes refuses."""
        printer = _Printer()
        say("Shall I? yes or no")
        yes = (_read_line() or "").strip().casefold() in ("y", "yes")
        approved = [one["call_id"] for one in answer["pending"]] if yes else []
        result = self._run("approve", {"thread_id": self._thread, "approved": approved}, printer.take)
        printer.finish(result["answer"])


class _Printer:
    """Prints an answer as it is written; one that is checked against documents only when it has been."""

    def __init__(self) -> None:
        self._checked = True
        self._written = ""

    def take(self, event: dict[str, Any]) -> None:
        """Show an event."""
        if event["type"] == "status" and not self._written:
            say(f"… {event['text']}")
        elif event["type"] == "routed":
            self._checked = event["decision"]["path"] in _CHECKED
        elif event["type"] == "token" and not self._checked:
            self._written += event["text"]
            sys.stdout.write(event["text"])
            sys.stdout.flush()

    def finish(self, answer: dict[str, Any]) -> None:
        """Show what is not shown yet."""
        if self._written:
            put("")
        show(answer, with_text=self._written.strip() != answer["text"].strip())


def _read_line() -> str | None:
    """A line; None at the end of the input. An interrupt while typing throws the line away, a second one ends."""
    for _ in range(2):
        try:
            return input("> " if sys.stdin.isatty() else "")
        except EOFError:
            return None
        except KeyboardInterrupt:
            say("")
    return None
