"""The Knowledge area: collections, documents and their state, how each is split, and what a search finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Body, Depends

from assistant.knowledge.again import load_again
from assistant.knowledge.overview import DocumentState, overview, passages_of
from assistant.ui.ours import from_our_page, refused
from assistant.ui.tabs.tab import Tab
from assistant.ui.words import count, document_address, file_name
from assistant.ui.words import text as safe
from graphs.errors import CrossroadsError

if TYPE_CHECKING:
    from assistant.app import Assistant
    from assistant.knowledge.places import Place
    from assistant.knowledge.types import Chunk, Hit

_SHOWN = 200
_PASSAGES = 40
_HITS = 10
_STATES = {"ready": "Ready", "parsed": "Read, not embedded yet", "failed": "Not loaded"}


def _html(assistant: Assistant, query: Mapping[str, str]) -> str:
    collection = query.get("collection", "")
    if query.get("document"):
        return _preview(assistant, query["document"], _whole(query.get("start", "")), collection)
    asked = query.get("q", "").strip()
    found = _search(assistant, asked, collection) if asked else ""
    return _form(assistant, asked, collection) + found + _jobs(assistant) + _documents(assistant, query, collection)


def _base(assistant: Assistant) -> Any:
    """The knowledge base itself, opened where it is not."""
    return assistant.knowledge


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 9 else 0


def _form(assistant: Assistant, asked: str, collection: str) -> str:
    names = assistant.knowledge.stats().collections
    options = "".join(
        f'<option value="{safe(name)}"{" selected" if name == collection else ""}>{safe(name)} ({number:,})</option>'
        for name, number in names.items()
    )
    every = f'<option value="">All collections ({sum(names.values()):,})</option>'
    return (
        '<form id="kb-form" class="row" role="search">'
        f'<label>Collection <select name="collection">{every}{options}</select></label>'
        f'<label class="grow">Try a search <input name="q" type="search" value="{safe(asked)}" '
        'placeholder="What would someone ask?"></label>'
        '<button class="button">Search</button></form>'
    )


def _search(assistant: Assistant, asked: str, collection: str) -> str:
    """What is found, collection by collection: a search never mixes two, and its scores compare its own hits only."""
    names = [collection] if collection else list(assistant.knowledge.stats().collections)
    found = {name: assistant.knowledge.search(asked, name, _HITS) for name in names}
    tables = "".join(_hits(assistant, name, hits) for name, hits in found.items() if hits)
    if not tables:
        return f'<p role="status">Nothing was found for “{safe(asked)}”.</p>'
    return (
        f"<h2>Found for “{safe(asked)}”</h2>"
        "<p class=faint>The score decides the order. It is made of two halves: how near the passage is in meaning "
        "(the cosine of the vectors, 1 at most) and how well its words fit (BM25).</p>"
        f'<div id="kb-hits">{tables}</div><p><a href="./?tab=knowledge" data-open>Back to the documents</a></p>'
    )


def _hits(assistant: Assistant, name: str, hits: Sequence[Hit]) -> str:
    rows = "".join(_hit(hit, place) for hit, place in zip(hits, assistant.knowledge.places(hits), strict=True))
    return (
        f'<div class="table-wrap"><table><caption>In the collection {safe(name)}</caption>'
        "<thead><tr><th scope=col class=num>Score<th scope=col class=num>"
        f"Meaning<th scope=col class=num>Words<th scope=col>Passage</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _hit(hit: Hit, place: Place) -> str:
    chunk = hit.chunk
    line = f"{place.line_name} {place.line}" if place.line is not None else ""
    where = ", ".join(part for part in (file_name(chunk.source), place.part, line) if part)
    address = safe(document_address(chunk.document_id, chunk.start, chunk.end))
    return (
        f"<tr><td class=num>{hit.score:.3f}<td class=num>{hit.similarity:.3f}<td class=num>{hit.words:.2f}"
        f'<td><a href="{address}" target="_blank"><bdi>{safe(where)}</bdi></a> '
        f'<span class="faint" dir=auto>{safe(chunk.heading)}</span>'
        f"<br><span dir=auto>{safe(' '.join(chunk.text.split())[:240])}</span></tr>"
    )


def _jobs(assistant: Assistant) -> str:
    running = [job for job in assistant.knowledge.jobs.list() if job.state in ("queued", "running")]
    items = "".join(
        f"<li>{safe(job.state)}: {job.finished:,} of {job.total:,} files into {safe(job.collection)} "
        f'<progress max="{max(1, job.total)}" value="{job.finished}" aria-label="Files loaded"></progress> '
        f'<button type=button class=quiet data-do="kb-cancel" data-job="{safe(job.job_id)}">Cancel</button></li>'
        for job in running
    )
    return f"<h2>Being loaded</h2><ul data-running>{items}</ul>" if items else ""


def _documents(assistant: Assistant, query: Mapping[str, str], collection: str) -> str:
    states = overview(_base(assistant), collection)
    failed = sum(item.state == "failed" for item in states)
    only = query.get("only", "")
    shown = [item for item in states if not only or item.state == only]
    rows = "".join(_row(item) for item in shown[:_SHOWN])
    more = f"<p class=faint>{count(len(shown) - _SHOWN, 'more document')}: choose a collection to find them.</p>"
    summary = f"{count(len(states) - failed, 'document')}" + (f", {failed:,} not loaded" if failed else "")
    narrow = _link("Only those not loaded", collection=collection, only="failed") if failed and not only else ""
    wide = _link("All", collection=collection) if only else ""
    if not rows:
        return "<h2>Documents</h2><p>There are none here. Add some with “Add documents” beside the chat.</p>"
    return (
        f'<h2>Documents</h2><p id="kb-summary">{summary}. {narrow}{wide}</p>'
        '<div class="table-wrap"><table id="kb-documents">'
        "<thead><tr><th scope=col>Document<th scope=col>State<th scope=col class=num>Passages<th scope=col>Collection"
        f"<th scope=col>Added<th scope=col>Actions</tr></thead><tbody>{rows}</tbody></table></div>"
        + more
        * (len(shown) > _SHOWN)
    )


def _row(item: DocumentState) -> str:
    name, info = safe(file_name(item.source)), item.info
    again = f'<button type=button class=quiet data-do="kb-again" data-source="{safe(item.source)}" '
    again += f'data-collection="{safe(item.collection)}" data-document="{safe(info.document_id) if info else ""}" '
    again += f'aria-label="Load {name} again">Load again</button>'
    detail = f'<br><span class="bad" dir=auto>{safe(item.detail)}</span>' if item.detail else ""
    if info is None:
        return (
            f"<tr><td><bdi>{name}</bdi><td>{_STATES[item.state]}{detail}<td class=num>–<td>{safe(item.collection)}<td>"
            f"<td>{again}</tr>"
        )
    title = (
        f'<br><span class="faint" dir=auto>{safe(info.title)}</span>' if info.title != file_name(item.source) else ""
    )
    return (
        f"<tr><td>{_link(name, document=info.document_id, collection=item.collection, ready=True)}{title}"
        f"<td>{_STATES[item.state]}<td class=num>{info.chunks:,}<td>{safe(item.collection)}<td>{safe(info.added[:10])}"
        f'<td>{again} <button type=button class=quiet data-do="kb-delete" data-document="{safe(info.document_id)}" '
        f'data-name="{name}" aria-label="Delete {name}">Delete …</button></tr>'
    )


def _preview(assistant: Assistant, document_id: str, begin: int, collection: str) -> str:
    """How a document is split: every passage with where it begins, and what it shares with the one before."""
    info = assistant.knowledge.document(document_id).info
    passages = passages_of(_base(assistant), document_id)
    begin = max(0, min(begin, len(passages) - 1))
    shown = passages[begin : begin + _PASSAGES]
    items = "".join(_passage(passages, number) for number in range(begin, begin + len(shown)))
    facts = [info.media_type, f"{info.characters:,} characters", count(len(passages), "passage")]
    facts += [f"{key}: {_told(value)}" for key, value in info.metadata.items() if key not in ("headings", "tables")]
    before = _link("Earlier passages", document=document_id, start=begin - _PASSAGES) if begin else ""
    after = _link("Later passages", document=document_id, start=begin + _PASSAGES)
    after = after if begin + _PASSAGES < len(passages) else ""
    address = safe(document_address(document_id, 0, 0).removesuffix("#here"))
    return (
        f"<p>{_link('Back to the documents', collection=collection)}</p><h2 dir=auto>{safe(info.title)}</h2>"
        f"<p class=faint dir=auto>{safe(' · '.join(facts))}</p>"
        f'<p><a href="{address}" target="_blank">Open the document</a></p>'
        f"<p>Each box is one passage, as it is searched and cited. What it shares with the one before is marked.</p>"
        f'<ol class="kb-passages" start="{begin + 1}">{items}</ol><p>{before} {after}</p>'
    )


def _passage(passages: Sequence[Chunk], number: int) -> str:
    chunk = passages[number]
    shared = max(0, passages[number - 1].end - chunk.start) if number else 0
    facts = [chunk.heading, f"page {chunk.page}" if chunk.page else "", f"characters {chunk.start:,}–{chunk.end:,}"]
    body = f"<mark>{safe(chunk.text[:shared])}</mark>{safe(chunk.text[shared:])}" if shared else safe(chunk.text)
    return (
        f'<li class="panel"><h3 dir=auto>Passage {number + 1} <span class=faint>'
        f"{safe(' · '.join(fact for fact in facts if fact))}</span></h3><pre dir=auto tabindex=0>{body}</pre></li>"
    )


def _told(value: Any) -> str:
    return ", ".join(map(str, value[:8])) if isinstance(value, list) else str(value)


def _link(words: str, *, ready: bool = False, **query: Any) -> str:
    address = "./?" + urlencode({"tab": "knowledge", **{key: value for key, value in query.items() if value != ""}})
    return f'<a href="{safe(address)}" data-open>{words if ready else safe(words)}</a>'


def _routes(router: APIRouter, assistant: Assistant) -> None:
    ours = [Depends(from_our_page)]

    @router.post("/delete", dependencies=ours)
    def delete(document_id: Annotated[str, Body(embed=True)]) -> Any:
        """Delete a document."""
        try:
            return {"deleted": assistant.knowledge.delete(document_id)}
        except CrossroadsError as error:
            return refused(error)

    @router.post("/cancel", dependencies=ours)
    def cancel(job_id: Annotated[str, Body(embed=True)]) -> Any:
        """Cancel an ingest."""
        try:
            return {"state": assistant.knowledge.jobs.cancel(job_id).state}
        except CrossroadsError as error:
            return refused(error)

    @router.post("/again", dependencies=ours)
    def again(
        source: Annotated[str, Body()], collection: Annotated[str, Body()], document_id: Annotated[str, Body()] = ""
    ) -> Any:
        """Load a source again from its file or address; where that is gone, from the text that is kept."""
        try:
            return {"from": load_again(_base(assistant), source, collection, document_id)}
        except CrossroadsError as error:
            return refused(error)


TAB = Tab("knowledge", "Knowledge", _html, _routes, needs="documents", changes="documents:write")
