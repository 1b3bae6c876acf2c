"""What a model wrote, as HTML that can do no harm.

No raw HTML passes, nothing is loaded (images become their description), addresses are http, https or mailto only.
Citation markers become links to their passage; weakly supported sentences are marked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping, Sequence
from functools import lru_cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from assistant.ui.words import text as safe
from graphs.answer import SentenceSupport

OPEN, CLOSE = "⸨", "⸩"
"""The borders of a weak sentence while Markdown is parsed: punctuation, so that emphasis beside them still works."""

_SPLIT = re.compile(rf"(\[\d+\]|{OPEN}|{CLOSE})")
_BLOCK_START = re.compile(r"(?:\s|>|#{1,6}\s|[-*+]\s|\d{1,9}[.)]\s|\|)+")
_BLOCK_END = re.compile(r"[\s|]+\Z")
_WITH_DIRECTION = {"paragraph_open", "heading_open", "blockquote_open", "bullet_list_open", "ordered_list_open",
                   "th_open", "td_open"}  # fmt: skip


def render(source: str, chips: Mapping[str, str] | None = None, weak: Sequence[SentenceSupport] = ()) -> str:
    """Markdown to safe HTML.

    `chips` maps a marker such as `[1]` to the HTML that stands for it; `weak` are sentences of `source`, as offsets
    into it, that the evidence does not carry.
    """
    marked = _with_borders(source.replace(OPEN, "(").replace(CLOSE, ")"), weak)
    environment = {"chips": dict(chips or {}), "weak": None, "scores": [item.score for item in weak]}
    return str(_parser().render(marked, environment))


def _with_borders(source: str, weak: Sequence[SentenceSupport]) -> str:
    for item in sorted(weak, key=lambda sentence: -sentence.start):
        start, end = max(item.start, 0), min(item.end, len(source))
        sentence = source[start:end]
        if not sentence.strip() or "```" in sentence or "\n\n" in sentence.strip():
            continue
        lead = _BLOCK_START.match(source, start, end)
        start = lead.end() if lead and _starts_line(source, start) else start
        tail = _BLOCK_END.search(source[start:end])
        end -= len(tail.group()) if tail else 0
        source = f"{source[:start]}{OPEN}{source[start:end]}{CLOSE}{source[end:]}"
    return source


def _starts_line(source: str, at: int) -> bool:
    return not source[:at].rpartition("\n")[2].strip()


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    parser.disable("reference")
    parser.validateLink = _allowed  # type: ignore[method-assign, assignment]
    for name, rule in _RULES.items():
        parser.add_render_rule(name, rule)
    return parser


def _allowed(address: str) -> bool:
    return re.match(r"(?:https?://|mailto:)", address.strip(), re.IGNORECASE) is not None


Rule = Any  # markdown-it calls rules with its renderer first, which it does not type


def _text(_: RendererHTML, tokens: Sequence[Token], at: int, __: OptionsDict, env: MutableMapping[str, Any]) -> str:
    return "".join(_piece(piece, env) for piece in _SPLIT.split(tokens[at].content) if piece)


def _piece(piece: str, env: MutableMapping[str, Any]) -> str:
    if piece == OPEN:
        env["weak"] = "first"
        return ""
    if piece == CLOSE:
        env["weak"] = None
        return ""
    if piece in env["chips"]:
        return str(env["chips"][piece])
    return _maybe_weak(safe(piece), env) if piece.strip() else safe(piece)


def _maybe_weak(html: str, env: MutableMapping[str, Any]) -> str:
    if env["weak"] is None:
        return html
    focus = ' tabindex="0" aria-describedby="weak-note"' if env["weak"] == "first" else ""
    env["weak"] = "more"
    return f'<span class="weak"{focus}>{html}</span>'


def _without_borders(content: str) -> str:
    return content.replace(OPEN, "").replace(CLOSE, "")


def _code_inline(_: Any, tokens: Sequence[Token], at: int, *__: Any) -> str:
    return f"<code>{safe(_without_borders(tokens[at].content))}</code>"


def _code_block(_: Any, tokens: Sequence[Token], at: int, *__: Any) -> str:
    language = tokens[at].info.strip().split(" ")[0] if tokens[at].info else ""
    label = f'<span class="language">{safe(language)}</span>' if language else ""
    copy = '<button type="button" class="quiet" data-do="copy-code">Copy</button>'
    body = safe(_without_borders(tokens[at].content))
    return (
        f'<div class="code"><div class="code-bar">{label}{copy}</div><pre tabindex="0"><code>{body}</code></pre></div>'
    )


def _image(_: Any, tokens: Sequence[Token], at: int, *__: Any) -> str:
    described = _without_borders(tokens[at].content) or "no description"
    return f'<span class="no-image">[picture not loaded: {safe(described)}]</span>'


def _link_open(_: Any, tokens: Sequence[Token], at: int, *__: Any) -> str:
    address = safe(_without_borders(str(tokens[at].attrGet("href") or "")))
    return f'<a href="{address}" title="Opens {address}" target="_blank" rel="noopener noreferrer nofollow">'


def _with_direction(renderer: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: Any) -> str:
    tokens[at].attrSet("dir", "auto")
    return renderer.renderToken(tokens, at, options, env)


def _table_open(*_: Any) -> str:
    return '<div class="table" tabindex="0"><table>'


def _table_close(*_: Any) -> str:
    return "</table></div>"


_RULES: dict[str, Rule] = {
    "text": _text,
    "code_inline": _code_inline,
    "code_block": _code_block,
    "fence": _code_block,
    "image": _image,
    "link_open": _link_open,
    "table_open": _table_open,
    "table_close": _table_close,
    **dict.fromkeys(_WITH_DIRECTION, _with_direction),
}
