"""The page of a lineage, `/lineage/ANSWER`: a graph of what stands behind an answer, and the same in words below it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from assistant.http.document_page import STYLE, refusal
from assistant.http.needs import needs
from graphs.errors import NotFoundError

if TYPE_CHECKING:
    from assistant.app import Assistant

WIDTH, HEIGHT, GAP, ROW = 210, 64, 46, 96
_STYLE = (
    ".lineage{max-width:100%;overflow-x:auto}.lineage svg{min-width:46rem;width:100%;height:auto}"
    ".lineage rect{fill:none;stroke:currentColor;stroke-width:1.5}.lineage a:focus rect,.lineage a:hover rect"
    "{stroke-width:3}.lineage path{fill:none;stroke:currentColor;stroke-width:1.5}.lineage text{fill:currentColor;"
    "font:600 13px sans-serif}.lineage a{text-decoration:none}.lineage text.small{font-weight:400;font-size:11.5px}"
    "body{max-width:78rem!important}dl{display:grid;grid-template-columns:minmax(6rem,auto) 1fr;"
    "gap:.15rem 1rem}dt{font-weight:600}dd{margin:0;overflow-wrap:anywhere}dd ul{margin:0;padding-inline-start:1.1rem}"
    "section:target h2{text-decoration:underline}"
)


@dataclass(frozen=True)
class Node:
    """One box: where it stands, what it says, and which section below tells more."""

    key: str
    column: int
    row: int
    title: str
    text: str


EDGES = (
    ("graders", "data"), ("data", "cycle"), ("base", "cycle"), ("cycle", "model"), ("gate", "model"),
    ("model", "answer"), ("prompt", "answer"), ("passages", "answer"),
)  # fmt: skip


def lineage_router(assistant: Assistant) -> APIRouter:
    """The page of an answer's lineage."""
    router = APIRouter(include_in_schema=False, dependencies=[needs("grades")])

    @router.get("/lineage/{answer_id}")
    def page(answer_id: str) -> HTMLResponse:
        """What stands behind an answer."""
        from assistant.improving.lineage import lineage

        try:
            found = lineage(assistant, answer_id)
        except NotFoundError as error:
            return HTMLResponse(refusal(error), 404)
        return HTMLResponse(_page(found))

    return router


def graph(found: dict[str, Any]) -> str:
    """The graph as SVG; each box is a link to its section, and its title is read out."""
    nodes = {node.key: node for node in _nodes(found)}
    right = max(node.column for node in nodes.values()) + 1
    below = max(node.row for node in nodes.values()) + 1
    straight = () if "cycle" in nodes else (("data", "model"), ("base", "model"))
    pairs = [(one, other) for one, other in (*EDGES, *straight) if one in nodes and other in nodes]
    edges = "".join(_edge(nodes[one], nodes[other]) for one, other in pairs)
    boxes = "".join(_box(node) for node in nodes.values())
    width, height = right * (WIDTH + GAP) - GAP + 8, below * ROW + 8
    return (
        f'<div class="lineage" tabindex="0" role="region" aria-label="Graph of the lineage"><svg viewBox="0 0 {width} '
        f'{height}" role="group" aria-label="What stands behind this, from left to right">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0L8 4L0 8z" style="fill:currentColor"/></marker></defs>'
        f"{edges}{boxes}</svg></div>"
    )


def sections(found: dict[str, Any]) -> str:
    """The same in words: one section for each box."""
    told = {node.key: node for node in _nodes(found)}
    return "".join(
        f'<section id="{key}"><h2>{escape(node.title)}</h2>{_facts(_about(key, found))}</section>'
        for key, node in told.items()
    )


def _nodes(found: dict[str, Any]) -> list[Node]:
    model, data, gate = found["model"], found["data"], found["gate"]
    nodes = []
    if found["graders"]:
        names = ", ".join(one["grader"] for one in found["graders"])
        nodes.append(Node("graders", 0, 0, f"{len(found['graders'])} graders", names))
    if data:
        nodes.append(Node("data", 1, 0, f"{data['rows']} rows", data["name"]))
    if model["base"]:
        nodes.append(Node("base", 1, 1, "Base", model["base"]))
    if found["cycle"]:
        nodes.append(Node("cycle", 2, 0, "Training", found["cycle"]["steps"].get("recipe", found["cycle"]["id"])))
    if gate:
        nodes.append(Node("gate", 2, 1, f"Gate: {gate['verdict']}", gate["when"][:10]))
    nodes.append(Node("model", 3, 0, model["kind"].capitalize(), model["name"]))
    if "answer" in found:
        nodes.append(Node("answer", 4, 0, "Answer", found["answer"]["question"]))
        if found["prompt"]:
            nodes.append(Node("prompt", 3, 1, "Prompt", f"{found['prompt']['name']} {found['prompt']['version']}"))
        if found["passages"]:
            kept = sum(one["kept"] for one in found["passages"])
            nodes.append(Node("passages", 3, 2, "Passages", f"{kept} used of {len(found['passages'])}"))
    first = min(node.column for node in nodes)
    return [Node(node.key, node.column - first, node.row, node.title, node.text) for node in nodes]


def _place(node: Node) -> tuple[int, int]:
    return node.column * (WIDTH + GAP) + 4, node.row * ROW + 4


def _box(node: Node) -> str:
    x, y = _place(node)
    return (
        f'<a href="#{node.key}" aria-label="{escape(node.title)}: {escape(node.text)}">'
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="8" pointer-events="all"/>'
        f'<text x="{x + 12}" y="{y + 27}">{escape(_short(node.title, 26))}</text>'
        f'<text class="small" x="{x + 12}" y="{y + 47}">{escape(_short(node.text, 31))}</text></a>'
    )


def _edge(one: Node, other: Node) -> str:
    (x, y), (to_x, to_y) = _place(one), _place(other)
    start, end, middle = x + WIDTH, to_x - 2, (x + WIDTH + to_x) // 2
    y, to_y = y + HEIGHT // 2, to_y + HEIGHT // 2
    return f'<path d="M{start} {y}C{middle} {y} {middle} {to_y} {end} {to_y}" marker-end="url(#tip)"/>'


def _about(key: str, found: dict[str, Any]) -> dict[str, Any]:
    model, data = found["model"], found["data"]
    if key == "model":
        recipe = {k: v for k, v in model.get("recipe", {}).items() if k not in ("cycle", "dataset")}
        return {**{k: model.get(k) for k in ("name", "kind", "state", "parent", "created", "licence", "sha256")},
                "files": model.get("files"), "metrics": model.get("metrics"), "recipe": recipe}  # fmt: skip
    if key == "data":
        kept = {
            k: data.get(k) for k in ("name", "format", "rows", "sha256", "held_out", "unused", "excluded", "missing")
        }
        rows = [", ".join(f"{k} {v}" for k, v in one.items()) for row in data["sources"] for one in row]
        return {**kept, f"the first {len(data['sources'])} rows come from": rows}
    if key == "base":
        return {"name": model["base"]}
    if key == "graders":
        return {one["grader"]: f"{one['rows']} grades, counts {one['weight_now']:g}" for one in found["graders"]}
    if key == "passages":
        return {"passages": [f"{p['source']} ({'used' if p['kept'] else 'dropped'}: {p['why']})" for p in found[key]]}
    return dict(found[key] or {})


def _facts(about: dict[str, Any]) -> str:
    rows = "".join(f"<dt>{escape(str(key))}</dt><dd dir='auto'>{_value(value)}</dd>" for key, value in about.items()
                   if value not in (None, "", [], {}))  # fmt: skip
    return f"<dl>{rows}</dl>"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "<ul>" + "".join(f"<li>{escape(str(k))}: {escape(str(v))}</li>" for k, v in value.items()) + "</ul>"
    if isinstance(value, list):
        return "<ul>" + "".join(f"<li>{escape(str(one))}</li>" for one in value) + "</ul>"
    return escape(str(value))


def _short(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _page(found: dict[str, Any]) -> str:
    question = found["answer"]["question"]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Where an answer comes from</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}{_STYLE}</style></head>'
        f'<body><header><h1 dir="auto">{escape(question)}</h1></header><main><p>Where this answer comes from. In the '
        f"terminal: <code>crossroads lineage {escape(found['answer']['answer_id'])}</code></p>{graph(found)}"
        f"{sections(found)}</main></body></html>"
    )
