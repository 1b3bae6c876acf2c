"""`crossroads ask` by the shortest way: a plain question to a running service, without the command line's library.

That library takes longer to load than many a question to answer. Whatever is not plain is left to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assistant.cli.output import INTERRUPTED, put_answer, quiet, report, say, say_status
from assistant.cli.place import home_folder
from assistant.service import Client, find_service
from graphs.errors import CrossroadsError

_OPTIONS = {
    "--path": "path",
    "--thread": "thread_id",
    "--collection": "collection",
    "--model": "model",
    "--effort": "effort",
    "--home": "home",
}


def run_quick(arguments: list[str]) -> int | None:
    """The exit code of a plain question a running service answered; None where there is more to it."""
    asked = plain_question(arguments)
    if asked is None:
        return None
    as_json = bool(asked.pop("as_json"))
    home = asked.pop("home", None)
    try:
        service = find_service(home_folder(Path(home) if home else None))
        if service is None:
            return None
        put_answer(Client(service).run("ask", asked, quiet if as_json else say_status), as_json)
        return 0
    except CrossroadsError as error:
        return report(error, as_json)
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED


def plain_question(arguments: list[str]) -> dict[str, Any] | None:
    """`ask QUESTION` and its simple options as the operation's arguments; None for anything else."""
    if arguments[:1] != ["ask"]:
        return None
    asked: dict[str, Any] = {"as_json": False}
    rest = iter(arguments[1:])
    for argument in rest:
        name, equals, value = argument.partition("=")
        if argument == "--json":
            asked["as_json"] = True
        elif name in _OPTIONS:
            asked[_OPTIONS[name]] = value if equals else next(rest, None)
        elif argument.startswith("-") or "question" in asked or not argument.strip():
            return None
        else:
            asked["question"] = argument
    return asked if "question" in asked and None not in asked.values() else None
