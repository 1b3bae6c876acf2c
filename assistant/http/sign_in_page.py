"""The pages of signing in, as HTML without scripts, in the style of the page behind them."""

from __future__ import annotations

from html import escape

from assistant.people.accounts import LEAST_PASSWORD, LONGEST_NAME, LONGEST_PASSWORD
from graphs.errors import CrossroadsError

_STYLE = """
:root{--accent:#1a5fb4;--on-accent:#fff;--ink:#1c1e21;--soft:#5c636b;--line:#8a9099;--ground:#fff;--raised:#f4f5f7;
--bad:#b3261e;color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{--accent:#78b0f5;--on-accent:#0d1b2c;--ink:#e6e8eb;--soft:#a2a9b2;
--line:#6c737c;--ground:#16181b;--raised:#202327;--bad:#f28b82}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--raised);color:var(--ink);
font:16px/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
main{width:100%;max-width:24rem;padding:2rem;background:var(--ground);border-radius:.75rem}
h1{margin:0 0 .25rem;font-size:1.6rem;line-height:1.25}
p{margin:0 0 1rem}.soft{color:var(--soft)}.bad{color:var(--bad)}
label{display:block;margin-bottom:1rem}
input{display:block;width:100%;margin-top:.25rem;padding:.5rem .6rem;font:inherit;color:inherit;
background:var(--ground);border:1px solid var(--line);border-radius:.5rem}
button,a.button{display:block;width:100%;padding:.55rem;font:inherit;font-weight:600;text-align:center;
text-decoration:none;color:var(--on-accent);background:var(--accent);border:1px solid var(--accent);border-radius:.5rem;
cursor:pointer}
a.button{margin-top:.75rem;color:var(--ink);background:none;border-color:var(--line);font-weight:400}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
"""


def sign_in_page(mark: str, where: str, said: str = "", *, single_sign_on: bool = False) -> str:
    """The form; `said` is why the last try failed."""
    single = '<a class="button" href="login/oidc">Sign in with your organisation</a>' if single_sign_on else ""
    return _page(
        "Sign in",
        '<p class="soft">Crossroads answers from your documents, shows its sources, and says when it does not know.</p>'
        f'{_said(said)}<form method="post" action="login">{_hidden("mark", mark)}{_hidden("next", where)}'
        f'<label>Name<input name="name" autocomplete="username" maxlength="{LONGEST_NAME}" required autofocus></label>'
        '<label>Password<input name="password" type="password" autocomplete="current-password" '
        f'maxlength="{LONGEST_PASSWORD}" required></label><button>Sign in</button></form>{single}',
    )


def invitation_page(mark: str, invitation: str, name: str, said: str = "") -> str:
    """Where somebody who was invited chooses a password."""
    return _page(
        "Welcome",
        f"<p>Choose a password for <strong><bdi>{escape(name)}</bdi></strong>, the name you will sign in with.</p>"
        f'{_said(said)}<form method="post" action="{escape(invitation)}">{_hidden("mark", mark)}'
        f'<label>Password, {LEAST_PASSWORD} characters or more<input name="password" type="password" '
        f'autocomplete="new-password" minlength="{LEAST_PASSWORD}" maxlength="{LONGEST_PASSWORD}" required autofocus>'
        "</label><button>Set password and enter</button></form>",
    )


def refusal_page(error: CrossroadsError) -> str:
    """What went wrong, and what to do."""
    return _page("This does not open", f'<p class="bad">{escape(error.message)}</p><p>{escape(error.cure)}</p>')


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} · Crossroads</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="/ui/static/icon.svg"><style>{_STYLE}</style></head>'
        f"<body><main><h1>{title}</h1>{body}</main></body></html>"
    )


def _said(text: str) -> str:
    return f'<p class="bad" role="alert">{escape(text)}</p>' if text else ""


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{name}" value="{escape(value)}">'
