"""A question and its answer on the screen, in every state an answer can be in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from assistant.records import Turn, Vote
from assistant.ui import evidence
from assistant.ui.details import details
from assistant.ui.markdown import render
from assistant.ui.words import PATH_WORDS, PICKED, place, seconds, verdict
from assistant.ui.words import text as safe
from graphs.answer import Answer, Path


def turn(item: Turn, vote: Vote | None, paths: Mapping[Path, str], *, running: bool = False) -> str:
    """One turn as an article. `paths` says which paths can be taken now; `running` means its answer is under way."""
    body = "" if running else (_interrupted() if item.answer is None else answer(item.answer, vote, paths))
    return f'<article class="turn" data-question="{safe(item.question_id)}">{question(item.question)}{body}</article>'


def question(text: str) -> str:
    """What the user asked, as they typed it."""
    return (
        f'<div class="question" dir="auto"><span class="sr">You asked: </span><p class="asked">{safe(text)}</p>'
        '<button type="button" class="quiet" data-do="edit">Edit</button></div>'
    )


def answer(item: Answer, vote: Vote | None, paths: Mapping[Path, str]) -> str:
    """An answer with its sources, its quiet line, its tools and what stands behind it."""
    if item.pending:
        return consent(item)
    kind = _kind(item)
    parts = [_notices(item.notices), _lead(item), _body(item), evidence.chips(item)]
    if item.abstained:
        parts += [evidence.nearest(item), _next_steps(paths)]
    parts += [_line(item), _tools(item, vote, paths), evidence.panels(item)]
    return (
        f'<div class="answer {kind}" data-answer="{safe(item.answer_id)}" data-path="{safe(item.route.path)}">'
        f"{''.join(parts)}</div>"
    )


def consent(item: Answer) -> str:
    """What a tool is about to do, with the choice to let it or not."""
    uses = "".join(
        f'<li data-call="{safe(one.call_id)}"><b>{safe(one.tool)}</b><dl>{_arguments(one.arguments)}</dl></li>'
        for one in item.pending
    )
    return (
        f'<div class="answer consent" role="group" aria-label="Waits for your consent">'
        f"<p><b>Shall I do this?</b> Nothing has been done yet.</p><ul class='plain'>{uses}</ul>"
        '<p class="tools"><button type="button" class="button" data-do="consent" data-agree="yes">Yes, do it</button> '
        '<button type="button" class="button" data-do="consent" data-agree="no">No</button></p></div>'
    )


def _arguments(arguments: Mapping[str, object]) -> str:
    return "".join(f'<dt>{safe(name)}</dt><dd dir="auto">{safe(str(value))}</dd>' for name, value in arguments.items())


def bare(item: Answer) -> str:
    """An answer with its sources alone: nothing that tells how it was made, and no tools."""
    parts = [_notices(item.notices), _lead(item), _body(item), evidence.chips(item)]
    return f'<div class="answer {_kind(item)}">{"".join(parts)}</div>'


def failure(error: Mapping[str, str]) -> str:
    """What happened and what to do, with a button that tries again."""
    return (
        f'<div class="answer failed" role="alert" data-error="{safe(error.get("type", "error"))}">'
        f"<p><b>No answer.</b> {safe(error.get('message', ''))}</p><p>{safe(error.get('cure', ''))}</p>"
        '<p class="tools"><button type="button" class="button" data-do="again">Try again</button></p></div>'
    )


def _interrupted() -> str:
    return (
        '<div class="answer interrupted"><p>There is no answer here: the work broke off before it was finished. '
        "Your question is kept.</p>"
        '<p class="tools"><button type="button" class="button" data-do="again">Answer it now</button></p></div>'
    )


def _kind(item: Answer) -> str:
    for name in ("stopped", "abstained", "quoted"):
        if getattr(item, name):
            return name
    if item.grounding is None:
        return "unchecked"
    return item.grounding.label


def _notices(notices: Sequence[str]) -> str:
    return "".join(f'<p class="notice"><b>Note:</b> {safe(notice)}</p>' for notice in notices)


def _lead(item: Answer) -> str:
    if not item.quoted:
        return ""
    source = f" from <bdi>{safe(place(item.citations[0]))}</bdi>" if item.citations else ""
    return f'<p class="lead">A quotation{source}, word for word:</p>'


def _body(item: Answer) -> str:
    chips = {citation.marker: evidence.inline_chip(citation) for citation in item.citations}
    if item.quoted:
        return f'<div class="text" dir="auto"><p class="verbatim">{_verbatim(item.text, chips)}</p></div>'
    weak = [one for one in item.grounding.sentences if not one.supported] if item.grounding else []
    html = render(item.text, chips, () if item.abstained else weak)
    if not item.text.strip():
        html = '<p class="faint">Nothing had been written yet.</p>'
    return f'<div class="text">{html}</div>'


def _verbatim(text: str, chips: Mapping[str, str]) -> str:
    """A quotation shows every character as it stands in the document; only our markers are links."""
    return "".join(chips.get(piece, safe(piece)) for piece in re.split(r"(\[\d+\])", text))


def _next_steps(paths: Mapping[Path, str]) -> str:
    model = (
        '<button type="button" class="button" data-do="path" data-path="zero_shot">Ask just the model</button>'
        if paths.get("zero_shot", "no") == ""
        else ""
    )
    return (
        '<div class="next" role="group" aria-label="What you can do next">'
        '<button type="button" class="button" data-do="edit">Put it differently</button>'
        f'<button type="button" class="button" data-do="documents">Add documents</button>{model}</div>'
    )


def _line(item: Answer) -> str:
    words = (PATH_WORDS[item.route.path], verdict(item), seconds(item.timing.total))
    line = " · ".join(safe(word) for word in words)
    return (
        f'<details class="behind"><summary title="How this answer was made">{line}</summary>{details(item)}</details>'
    )


def _tools(item: Answer, vote: Vote | None, paths: Mapping[Path, str]) -> str:
    others = "".join(_other(path, paths[path]) for path in PICKED if path in paths and path != item.route.path)
    menu = (
        '<details class="menu"><summary class="quiet">Another path <span aria-hidden="true">▸</span></summary>'
        f'<div class="menu-items">{others}</div></details>'
        if others
        else ""
    )
    return (
        '<div class="tools"><button type="button" class="quiet" data-do="copy">Copy</button>'
        f'<button type="button" class="quiet" data-do="again">Again</button>{menu}'
        f"{_thumb('up', 'Good', vote)}{_thumb('down', 'Bad', vote)}</div>{_comment(vote)}"
        f'<textarea class="source" hidden readonly>{safe(item.text)}</textarea>'
    )


def _other(path: Path, why_not: str) -> str:
    if why_not:
        return (
            f'<button type="button" disabled>{safe(PATH_WORDS[path])}<span class="why">{safe(why_not)}</span></button>'
        )
    return f'<button type="button" data-do="path" data-path="{path}">{safe(PATH_WORDS[path])}</button>'


def _thumb(way: str, word: str, vote: Vote | None) -> str:
    pressed = "true" if vote is not None and vote.vote == way else "false"
    return (
        f'<button type="button" class="quiet thumb" data-do="vote" data-vote="{way}" aria-pressed="{pressed}">'
        f'<svg class="thumb-{way}" viewBox="0 0 24 24" aria-hidden="true"><path d="M7 10v11H3V10zm2 10.5V10l4-8c1.7 0 '
        f'2.7 1.3 2.3 3L14.5 9H20a1.5 1.5 0 0 1 1.5 1.8l-1.7 8A2.5 2.5 0 0 1 17.3 21H10z"/></svg> {word}</button>'
    )


def _comment(vote: Vote | None) -> str:
    kept = (
        f'<p class="kept-comment">Your comment: <span dir="auto">{safe(vote.comment)}</span></p>'
        if vote and vote.comment
        else ""
    )
    return (
        f'{kept}<form class="comment" hidden><label>What was good or wrong about it? (you need not say)'
        '<textarea rows="2" maxlength="2000" dir="auto"></textarea></label>'
        '<button class="button" type="submit">Send</button> <button class="quiet" type="button" data-do="no-comment">'
        "No comment</button></form>"
    )
