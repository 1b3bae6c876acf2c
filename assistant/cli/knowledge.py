"""`crossroads knowledge`: what is loaded."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from assistant.cli.common import Home, Json, Set, session
from assistant.cli.output import put, put_json, quiet
from graphs.errors import UsageError

app = typer.Typer(help="See, search and delete what is loaded.", no_args_is_help=True)
Collection = Annotated[str, typer.Option(help="Only this collection.", show_default=False)]
Document = Annotated[str, typer.Argument(help="A document's id, source or path.", show_default=False)]


@app.command("list")
def list_(collection: Collection = "", home: Home = None, set_: Set = None, as_json: Json = False) -> int:
    """List the documents.

    Example: crossroads knowledge list --collection handbooks
    """
    result = _run("knowledge/list", {"collection": collection}, home, set_)
    if as_json:
        put_json(result)
        return 0
    for document in result["documents"]:
        put(f"{document['document_id']}  {document['chunks']:>6} passages  {document['title']}  {document['source']}")
    return 0


@app.command("show")
def show(document: Document, home: Home = None, set_: Set = None, as_json: Json = False) -> int:
    """Print a document's stored text.

    Example: crossroads knowledge show handbook.pdf
    """
    result = _run("knowledge/show", {"document": document}, home, set_)
    if as_json:
        put_json(result)
    else:
        put(result["text"])
    return 0


@app.command("delete")
def delete(
    documents: Annotated[list[str] | None, typer.Argument(help="Ids, sources or paths.", show_default=False)] = None,
    collection: Annotated[str, typer.Option(help="Delete this whole collection.", show_default=False)] = "",
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Delete documents, or a whole collection.

    Example: crossroads knowledge delete handbook.pdf
    """
    if bool(documents) == bool(collection):
        raise UsageError("Either documents or a collection can be deleted.", "Name documents, or give --collection.")
    result = _run("knowledge/delete", {"documents": documents or [], "collection": collection}, home, set_)
    if as_json:
        put_json(result)
    else:
        put(f"{result['deleted']} documents deleted")
    return 0


@app.command("stats")
def stats(home: Home = None, set_: Set = None, as_json: Json = False) -> int:
    """Show which store is in use and how much it holds.

    Example: crossroads knowledge stats --json
    """
    result = _run("knowledge/stats", {}, home, set_)
    if as_json:
        put_json(result)
        return 0
    where = f" at {result['url']}" if result["url"] else ""
    put(f"{result['kind']} {result['version']}{where}: {result['documents']} documents, {result['chunks']} passages")
    for name, documents in result["collections"].items():
        put(f"  {name}: {documents} documents")
    return 0


@app.command("search")
def search(
    question: Annotated[str, typer.Argument(help="What to look for.", show_default=False)],
    k: Annotated[int, typer.Option("--k", help="How many passages.", min=1, max=100)] = 8,
    collection: Collection = "",
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            metavar="KEY=VALUE",
            help="Narrow it: document, source, title, author, format, after, before, heading, pages.",
            show_default=False,
        ),
    ] = None,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Find the passages nearest to a question.

    Example: crossroads knowledge search "warranty period" --k 3 --where format=pdf --where after=2026-01-01
    """
    arguments = {"question": question, "collection": collection, "k": k, "filters": _pairs(where or [])}
    result = _run("knowledge/search", arguments, home, set_)
    if as_json:
        put_json(result)
        return 0
    for hit in result["hits"]:
        put(f"{hit['score']:.3f}  {hit['source']} [{hit['start']}–{hit['end']}]  {' '.join(hit['text'].split())[:160]}")
    return 0


@app.command("jobs")
def jobs(
    cancel: Annotated[str, typer.Option(metavar="ID", help="End this one.", show_default=False)] = "",
    retry: Annotated[str, typer.Option(metavar="ID", help="Queue this one again.", show_default=False)] = "",
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Show what is being loaded, what waits, and what was loaded; cancel or repeat one.

    Example: crossroads knowledge jobs --cancel 3f2a
    """
    result = _run("knowledge/jobs", {"cancel": cancel, "retry": retry}, home, set_)
    if as_json:
        put_json(result)
        return 0
    for job in result["jobs"]:
        what = job["error"] or job["current"] or f"{len(job['sources'])} sources, the first {job['sources'][0]}"
        put(f"{job['job_id'][:8]}  {job['state']:<9}  {job['finished']}/{job['total']}  {job['created']}  {what}")
    return 0


@app.command("migrate")
def migrate(
    to: Annotated[str, typer.Option("--to", help="weaviate, chroma, faiss or pinecone.", show_default=False)],
    url: Annotated[str, typer.Option(help="Its address, where it is a server.", show_default=False)] = "",
    key: Annotated[str, typer.Option(envvar="CROSSROADS_TARGET_KEY", help="Its key.", show_default=False)] = "",
    delete_old: Annotated[bool, typer.Option("--delete-old", help="Delete the chunks from the old store.")] = False,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Move all documents to another store, with their vectors. Interrupted, it goes on where it stopped.

    Example: crossroads knowledge migrate --to faiss
    """
    from dataclasses import asdict

    from assistant.cli.common import settings_for
    from assistant.cli.output import say
    from assistant.knowledge.migration import migrate as move
    from assistant.providers import embeddings
    from assistant.service import only_service, private_folder

    settings = settings_for(home, set_)
    private_folder(settings.home, "run")
    with only_service(settings.home):
        done = move(
            settings, embeddings(settings.models.embedding, settings), to, url, key, delete_old=delete_old,
            tell=lambda number, total, source: say(f"[{number}/{total}] {source}"),
        )  # fmt: skip
    if as_json:
        put_json(asdict(done))
        return 0
    put(f"{done.documents} documents, {done.chunks} passages, moved from {done.source} to {done.target}")
    if done.setting:
        put(f"From now on set {done.setting}.")
    return 0


def _pairs(given: list[str]) -> dict[str, str]:
    pairs = {}
    for one in given:
        key, equals, value = one.partition("=")
        if not (equals and key and value):
            raise UsageError(f"{one!r} narrows nothing.", "Write --where key=value, such as --where format=pdf.")
        pairs[key] = value
    return pairs


def _run(operation: str, arguments: dict[str, Any], home: Any, overrides: list[str] | None) -> Any:
    with session(home, overrides, tell=False) as run:
        return run(operation, arguments, quiet)
