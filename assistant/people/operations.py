"""What the commands ask about people: plain JSON in and out. Each change is written into the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from assistant.people.caller import current
from assistant.people.rights import export_person, forget_person
from assistant.people.tokens import DEFAULT_DAYS

if TYPE_CHECKING:
    from assistant.app import Assistant

Arguments = dict[str, Any]


def _list(assistant: Assistant, _: Arguments) -> Any:
    return {"people": [account.model_dump() for account in assistant.people.list()]}


def _add(assistant: Assistant, arguments: Arguments) -> Any:
    people = assistant.people
    account = people.add(str(arguments["name"]), str(arguments["role"]), str(arguments.get("password", "")))
    _tell(assistant, "people add", f"{account.person} as {account.role}")
    invitation = "" if arguments.get("password") else f"/invite/{people.invite(account.person)}"
    return {**account.model_dump(), "invitation": invitation}


def _invite(assistant: Assistant, arguments: Arguments) -> Any:
    account = assistant.people.get(str(arguments["name"]))
    _tell(assistant, "people invite", account.person)
    return {**account.model_dump(), "invitation": f"/invite/{assistant.people.invite(account.person)}"}


def _change(assistant: Assistant, arguments: Arguments) -> Any:
    account = assistant.people.change(str(arguments["name"]), arguments.get("role"), arguments.get("disabled"))
    _tell(assistant, "people change", f"{account.person}: {account.role}{', disabled' if account.disabled else ''}")
    return account.model_dump()


def _export(assistant: Assistant, arguments: Arguments) -> Any:
    account = assistant.people.get(str(arguments["name"]))
    _tell(assistant, "people export", account.person)
    return export_person(assistant, account.person)


def _forget(assistant: Assistant, arguments: Arguments) -> Any:
    forgotten = forget_person(assistant, str(arguments["name"]), arguments.get("grades") or "anonymise")
    _tell(assistant, "people forget", forgotten.person)
    return forgotten.model_dump()


def _token_add(assistant: Assistant, arguments: Arguments) -> Any:
    account = assistant.people.get(str(arguments["name"]))
    days = float(arguments.get("days") or DEFAULT_DAYS)
    secret, token = assistant.tokens.make(account, str(arguments["purpose"]), list(arguments["scopes"]), days)
    _tell(assistant, "token add", f"{token.token_id}: {' '.join(token.scopes)}")
    return {**token.model_dump(), "secret": secret}


def _token_list(assistant: Assistant, arguments: Arguments) -> Any:
    name = str(arguments.get("name") or "")
    person = assistant.people.get(name).person if name else ""
    return {"tokens": [token.model_dump() for token in assistant.tokens.list(person)]}


def _token_revoke(assistant: Assistant, arguments: Arguments) -> Any:
    assistant.tokens.revoke(str(arguments["token_id"]))
    _tell(assistant, "token revoke", str(arguments["token_id"]))
    return {"deleted": 1}


def _audit(assistant: Assistant, arguments: Arguments) -> Any:
    lines = assistant.people.audit.list(int(arguments.get("most") or 50))
    return {"lines": [line.model_dump() for line in lines]}


def _tell(assistant: Assistant, action: str, about: str) -> None:
    assistant.people.audit.add(current(), action, about)


PEOPLE: dict[str, Callable[[Assistant, Arguments], Any]] = {
    "people/list": _list,
    "people/add": _add,
    "people/invite": _invite,
    "people/change": _change,
    "people/export": _export,
    "people/forget": _forget,
    "people/token-add": _token_add,
    "people/token-list": _token_list,
    "people/token-revoke": _token_revoke,
    "people/audit": _audit,
}
