"""`crossroads people`: who may come in, as what, and what they leave behind."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from assistant.cli.common import Home, Json, Set, session
from assistant.cli.output import put, put_json, quiet, say
from graphs.errors import UsageError

app = typer.Typer(
    help="Add people, change what they may do, make tokens, hand out or delete their data.", no_args_is_help=True
)
token = typer.Typer(help="Tokens: what programs send instead of a password.", no_args_is_help=True)
app.add_typer(token, name="token")

Who = Annotated[str, typer.Argument(help="The person's name.", show_default=False)]
Role = Annotated[str, typer.Option(help="user, expert, engineer or owner.", show_default=False)]


@app.command("list")
def list_(home: Home = None, set_: Set = None, as_json: Json = False) -> int:
    """List everyone.

    Example: crossroads people list
    """
    found = _run("people/list", {}, home, set_)
    if as_json:
        put_json(found)
        return 0
    for one in found["people"]:
        state = "disabled" if one["disabled"] else "invited" if one["invited"] else ""
        put(f"{one['role']:9} {one['name']}  {state}".rstrip())
    if not found["people"]:
        say("There are no accounts: whoever reaches the loopback address may do everything.")
    return 0


@app.command()
def add(
    name: Who,
    role: Role,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input instead of inviting.")
    ] = False,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Add somebody. They choose their password at the address that is printed, good once, for a week.

    The first must be an owner, and takes over the conversations that are there. From then on everyone signs in.

    Example: crossroads people add ann --role owner
    """
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else ""
    if password_stdin and not password:
        raise UsageError("No password came on standard input.", "Write it as one line.")
    found = _run("people/add", {"name": name, "role": role, "password": password}, home, set_)
    return _account(found, as_json)


@app.command()
def invite(name: Who, home: Home = None, set_: Set = None, as_json: Json = False) -> int:
    """Invite again: for a lost invitation or a forgotten password.

    Example: crossroads people invite ann
    """
    return _account(_run("people/invite", {"name": name}, home, set_), as_json)


@app.command()
def role(
    name: Who,
    role: Annotated[str, typer.Argument(help="user, expert, engineer or owner.", show_default=False)],
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Give somebody another role; it holds from their next request on.

    Example: crossroads people role ann engineer
    """
    return _account(_run("people/change", {"name": name, "role": role}, home, set_), as_json)


@app.command()
def disable(
    name: Who,
    undo: Annotated[bool, typer.Option("--undo", help="Let them in again.")] = False,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Shut somebody out: sessions end, tokens open nothing. Nothing is deleted.

    Example: crossroads people disable ann
    """
    return _account(_run("people/change", {"name": name, "disabled": not undo}, home, set_), as_json)


@app.command()
def export(
    name: Who,
    out: Annotated[
        Path | None, typer.Option(help="The file to write; else standard output.", show_default=False)
    ] = None,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Everything that is kept of one person, as one JSON object.

    Example: crossroads people export ann --out ann.json
    """
    del as_json  # it is JSON in any case
    found = _run("people/export", {"name": name}, home, set_)
    if out is None:
        put_json(found)
        return 0
    import json

    from assistant.database import storage_errors

    with storage_errors(out.parent):
        out.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    say(f"written to {out}")
    return 0


@app.command()
def forget(
    name: Who,
    grades: Annotated[
        str, typer.Option(help="anonymise keeps grades without the name; delete does not.")
    ] = "anonymise",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Delete a person: account, tokens, conversations, votes, remembered facts. This cannot be undone.

    Example: crossroads people forget ann --yes
    """
    if not yes and not typer.confirm(f"Delete everything of {name}?", err=True):
        return 1
    found = _run("people/forget", {"name": name, "grades": grades}, home, set_)
    if as_json:
        put_json(found)
    else:
        put(
            f"{found['conversations']} conversations, {found['votes']} votes, {found['facts']} facts and "
            f"{found['grades_deleted']} grades deleted; {found['grades_anonymised']} grades kept without the name"
        )
    return 0


@app.command()
def audit(
    most: Annotated[int, typer.Option(help="How many lines at most.", min=1)] = 50,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Who did what, and when; the latest first.

    Example: crossroads people audit --most 20
    """
    found = _run("people/audit", {"most": most}, home, set_)
    if as_json:
        put_json(found)
    else:
        for line in found["lines"]:
            who = line["name"] or line["via"]
            put(f"{line['at']}  {who}  {line['action']}  {line['about']}  {line['outcome']}")
    return 0


@token.command("add")
def token_add(
    name: Who,
    purpose: Annotated[str, typer.Option("--for", help="What the token is for.", show_default=False)],
    scope: Annotated[list[str], typer.Option(help="What it may do; several times for several.", show_default=False)],
    days: Annotated[float, typer.Option(help="How long it is good.")] = 90,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Make a token for somebody. It is shown this once.

    Example: crossroads people token add ann --for dashboard --scope ask --scope documents
    """
    arguments = {"name": name, "purpose": purpose, "scopes": scope, "days": days}
    found = _run("people/token-add", arguments, home, set_)
    if as_json:
        put_json(found)
    else:
        put(found["secret"])
        say(f"id {found['token_id']}, good until {found['expires']}; it is not shown again")
    return 0


@token.command("list")
def token_list(
    name: Annotated[str, typer.Argument(help="Whose; else everyone's.")] = "",
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """List tokens; never what they are.

    Example: crossroads people token list
    """
    found = _run("people/token-list", {"name": name}, home, set_)
    if as_json:
        put_json(found)
    else:
        for one in found["tokens"]:
            state = "expired" if one["expired"] else f"until {one['expires'][:10]}"
            put(f"{one['token_id']}  {one['name']}  {' '.join(one['scopes'])}  {state}")
    return 0


@token.command("revoke")
def token_revoke(
    token_id: Annotated[str, typer.Argument(help="The id, as `list` shows it.", show_default=False)],
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """From now on it opens nothing.

    Example: crossroads people token revoke 3f0c…
    """
    found = _run("people/token-revoke", {"token_id": token_id}, home, set_)
    put_json(found) if as_json else put("revoked")
    return 0


def _run(operation: str, arguments: dict[str, Any], home: Any, set_: Any) -> Any:
    with session(home, set_, tell=False) as run:
        return run(operation, arguments, quiet)


def _account(found: dict[str, Any], as_json: bool) -> int:
    if as_json:
        put_json(found)
        return 0
    put(f"{found['name']}: {found['role']}{', disabled' if found['disabled'] else ''}")
    if found.get("invitation"):
        say("They choose a password here, once, within a week (after the service's address):")
        put(found["invitation"])
    return 0
