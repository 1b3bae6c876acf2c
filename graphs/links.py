"""Links and pictures in text that came from documents, tools or a model that read them.

A picture is fetched by whatever shows the text, and a link carries whatever stands in its address: both can take data
out. So a picture becomes its description, and an address stays a link only where the user wrote it or a cited document
came from it; every other one is shown as plain text that leads nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_LIVE = re.compile(
    r"(?P<image>!\[(?P<alt>[^\]]*)\](?:\([^)]*\)?|\[[^\]]*\]))"
    r"|(?P<link>\[(?P<label>[^\]]*)\]\(\s*<?(?P<target>[^)\s>]*)>?[^)]*\))"
    r"|(?P<definition>^[ \t]*\[[^\]\n]+\]:[ \t]*\S+.*$)"
    r"|(?P<auto><[a-zA-Z][a-zA-Z0-9+.-]{1,31}:[^\s<>]*>|<[^\s<>@]+@[^\s<>]+>)"
    r"|(?P<tag></?[a-zA-Z][^>\n]*>?)"
    r"|(?P<bare><?(?:https?://|ftp://|mailto:|data:|javascript:|file:|www\.)[^\s<>\"'`\])]+>?)",
    re.IGNORECASE | re.MULTILINE,
)
_CODE = re.compile(
    r"^ {0,3}(?P<fence>`{3,}|~{3,}).*?(?:^ {0,3}(?P=fence)[`~]*[ \t]*$|\Z)"
    r"|(?<![\\`])(?P<tick>`+)(?!`)[^\n]+?(?<!`)(?P=tick)(?!`)",
    re.MULTILINE | re.DOTALL,
)
Edit = tuple[int, int, str]
"""Start and end in the old text, and what stands there in the new one."""


def edits(text: str, allowed: Iterable[str]) -> list[Edit]:
    """What has to change in a text so that it holds no live picture and no live link but the allowed ones."""
    known = {_plain(address) for address in allowed}
    code = [match.span() for match in _CODE.finditer(text)]
    found = []
    for match in _LIVE.finditer(text):
        if not match["image"] and not match["tag"] and any(a <= match.start() and match.end() <= b for a, b in code):
            continue  # code leads nowhere; a picture is taken out even there, should somebody read it otherwise
        new = _dead(match, known)
        if new != match.group():
            found.append((match.start(), match.end(), new))
    return found


def _dead(match: re.Match[str], known: set[str]) -> str:
    if match["image"]:
        return f"(picture: {match['alt'] or 'no description'})"
    if match["link"]:
        if _plain(match["target"]) in known:
            return match.group()
        return f"{match['label']} ({_spelled(match['target'])})" if match["target"] else match["label"]
    if match["definition"]:
        return f"`{match.group().strip().replace('`', '')}`"
    if match["tag"]:
        return f"`{match.group().replace('`', '')}`" if _loads(match["tag"]) else match.group()
    address = (match["auto"] or match["bare"]).strip("<>")
    return match.group() if _plain(address) in known else _spelled(address)


def _loads(tag: str) -> bool:
    """Whether a tag could load or lead somewhere: `<b>` cannot, `a < b` is no tag."""
    return re.search(r"\b(?:src|href|srcset|style|action|data|poster|background|on\w+)\s*=", tag, re.I) is not None or (
        re.match(r"</?(?:a|img|iframe|script|link|object|embed|video|audio|svg|form|meta|base)\b", tag, re.I)
        is not None
    )


def _spelled(address: str) -> str:
    return f"`{address.replace('`', '')}`"


def _plain(address: str) -> str:
    return address.strip("<>").rstrip(".,;:!?").rstrip("/").lower()


def apply(text: str, changes: Iterable[Edit]) -> str:
    """The text with its changes made."""
    made, at = "", 0
    for start, end, new in changes:
        made += text[at:start] + new
        at = end
    return made + text[at:]


def moved(position: int, changes: Iterable[Edit]) -> int:
    """Where a position of the old text lies in the new one; inside a change, at its beginning."""
    shift = 0
    for start, end, new in changes:
        if position >= end:
            shift += len(new) - (end - start)
        elif position > start:
            return start + shift
    return position + shift


def addresses(text: str) -> list[str]:
    """The addresses a text holds."""
    return re.findall(r"https?://[^\s<>\"'`\])]+", text, re.IGNORECASE)


def as_data(text: str) -> str:
    """A tool's output as a block of code: nothing in it is a heading, a link, a picture or a marker."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text.strip()}\n{fence}"
