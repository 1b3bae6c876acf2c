"""People: who may come in and as what, tokens, and the log of who did what. What it changes goes through `/api/v1`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from assistant.people.accounts import Account
from assistant.people.audit import Line
from assistant.people.caller import current
from assistant.people.roles import MAY, MEANINGS, ROLES, SCOPES
from assistant.people.tokens import DEFAULT_DAYS, MOST_DAYS, Token
from assistant.ui.tabs.tab import Tab
from assistant.ui.words import text as safe

if TYPE_CHECKING:
    from assistant.app import Assistant

STYLE = '<link rel="stylesheet" href="ui/static/tabs/people.css">'
_LINES = 100
_ROLES = {
    "user": "asks, and reads documents",
    "expert": "also grades answers",
    "engineer": "also trains, evaluates, promotes models; sees everyone's grades",
    "owner": "may do everything, and sees this page",
}


def fragment(assistant: Assistant, _: Mapping[str, str]) -> str:
    """Everyone, a form to invite somebody, tokens, the log."""
    accounts = assistant.people.list()
    if not accounts:
        return f'{STYLE}<div class="people">{_nobody()}</div>'
    names = {account.person: account.name for account in accounts}
    return (
        f'{STYLE}<div class="people">{_secret()}{_everyone(accounts)}{_invite()}'
        f"{_tokens(assistant.tokens.list(), names)}{_log(assistant.people.audit.list(_LINES))}</div>"
    )


def _nobody() -> str:
    return (
        "<p>There are no accounts. Whoever reaches this address, which only this computer can, may do everything, and "
        "nobody has to sign in.</p><p>To let others in, add an owner first: "
        "<code>crossroads people add NAME --role owner</code>. From then on everyone signs in; the conversations that "
        "are here become the first owner's.</p>"
    )


def _secret() -> str:
    return (
        '<section class="panel secret" id="people-secret" hidden><p role="status"></p>'
        '<label class="sr" for="secret-field">To be copied now</label>'
        '<input id="secret-field" readonly spellcheck="false"></section>'
    )


def _everyone(accounts: list[Account]) -> str:
    told = "".join(f"<dt>{role}</dt><dd>{words}</dd>" for role, words in _ROLES.items())
    rows = "".join(_person(account) for account in accounts)
    return (
        '<div class="table-wrap"><table><thead><tr><th scope="col">Name</th><th scope="col">Role</th>'
        '<th scope="col">State</th><th scope="col">Since</th><th scope="col"><span class="sr">Actions</span></th></tr>'
        f"</thead><tbody>{rows}</tbody></table></div>"
        f'<details><summary>What each role may do</summary><dl class="keys">{told}</dl></details>'
    )


def _person(account: Account) -> str:
    name = safe(account.name)
    roles = "".join(f"<option{' selected' if role == account.role else ''}>{role}</option>" for role in ROLES)
    state = "shut out" if account.disabled else "invited" if account.invited else "may come in"
    mine = " (you)" if account.person == current().person else ""
    turn, on = ("Let in", "0") if account.disabled else ("Shut out", "1")
    return (
        f'<tr data-person="{safe(account.person)}"><td><bdi>{name}</bdi>{mine}</td>'
        f'<td><select data-role aria-label="Role of {name}">{roles}</select></td><td>{state}</td>'
        f"<td>{safe(account.created[:10])}</td>"
        f'<td><button type="button" class="quiet" data-do="people-disable" data-on="{on}">{turn}</button> '
        '<button type="button" class="quiet" data-do="people-invite">Invite again</button> '
        '<button type="button" class="quiet" data-do="people-forget">Delete</button></td></tr>'
    )


def _invite() -> str:
    roles = "".join(f"<option>{role}</option>" for role in ROLES)
    return (
        '<h2>Invite somebody</h2><form class="row" id="invite"><label>Name or e-mail address '
        '<input name="name" maxlength="80" required autocomplete="off"></label>'
        f'<label>Role <select name="role">{roles}</select></label>'
        '<button type="submit" class="button send">Invite</button></form>'
    )


def _tokens(tokens: list[Token], names: Mapping[str, str]) -> str:
    rows = "".join(
        f"<tr><td><bdi>{safe(one.name)}</bdi></td><td><bdi>{safe(names.get(one.person, ''))}</bdi></td>"
        f"<td>{safe(', '.join(one.scopes))}</td><td>{'expired' if one.expired else safe(one.expires[:10])}</td>"
        f'<td><button type="button" class="quiet" data-do="token-revoke" data-token="{safe(one.token_id)}" '
        f'aria-label="Revoke {safe(one.name)}">Revoke</button></td></tr>'
        for one in tokens
    )
    table = (
        '<div class="table-wrap"><table><thead><tr><th scope="col">For</th><th scope="col">Whose</th>'
        '<th scope="col">May</th><th scope="col">Until</th><th scope="col"><span class="sr">Actions</span></th></tr>'
        f"</thead><tbody>{rows}</tbody></table></div>"
        if rows
        else "<p class='faint'>None.</p>"
    )
    return f"<h2>Tokens for programs</h2>{table}{_make_token() if current().person else ''}"


def _make_token() -> str:
    role = current().role or "user"
    boxes = "".join(
        f'<label title="{safe(MEANINGS[scope])}"><input type="checkbox" name="scope" value="{scope}"> {scope}</label>'
        for scope in SCOPES
        if scope in MAY[role]
    )
    return (
        '<details><summary>Make one of your own</summary><form id="token"><div class="row">'
        '<label>What it is for <input name="name" maxlength="80" required autocomplete="off"></label>'
        f'<label>Days <input name="days" type="number" min="1" max="{MOST_DAYS}" value="{DEFAULT_DAYS}" required>'
        f"</label></div><fieldset><legend>What it may</legend>{boxes}</fieldset>"
        '<button type="submit" class="button">Make a token</button></form></details>'
    )


def _log(lines: list[Line]) -> str:
    rows = "".join(
        f"<tr><td>{safe(line.at[:19].replace('T', ' '))}</td><td><bdi>{safe(line.name or line.via)}</bdi></td>"
        f"<td><code>{safe(line.action)}</code></td><td><bdi>{safe(line.about)}</bdi></td><td>{safe(line.outcome)}</td></tr>"
        for line in lines
    )
    return (
        f"<h2>Who did what</h2><p class='faint'>The latest {_LINES}, in UTC, without questions, answers and grades.</p>"
        '<div class="table-wrap"><table class="log"><thead><tr><th scope="col">When</th><th scope="col">Who</th>'
        '<th scope="col">What</th><th scope="col">About</th><th scope="col">Outcome</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


TAB = Tab("people", "People", fragment, needs="people")
