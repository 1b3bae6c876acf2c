"""`crossroads lineage`: from an answer to model, prompt, rows, graders and verdict."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from assistant.cli.common import Home, Json, Set, session
from assistant.cli.output import put, put_json, quiet


def lineage(
    answer_id: Annotated[str, typer.Argument(help="The answer's id, as `ask --json` prints it.", show_default=False)],
    rows: Annotated[int, typer.Option(help="How many rows of the data to name.", min=0)] = 20,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Show where an answer comes from: model, adapter, prompt, data rows, graders, and the gate's verdict.

    Example: crossroads lineage 3f2a
    """
    with session(home, set_, tell=False) as run:
        found = run("lineage", {"answer_id": answer_id, "rows": rows}, quiet)
    if as_json:
        put_json(found)
    else:
        for line in lines(found):
            put(line)
    return 0


def lines(found: dict[str, Any]) -> list[str]:
    """The lineage in words, a line for each thing."""
    answer, model, gate, data = (found[name] for name in ("answer", "model", "gate", "data"))
    trial = " (on trial)" if answer["arm"] == "canary" else ""
    told = [
        f"answer    {answer['answer_id']} {answer['created'][:19]} by {answer['path']}{trial}: {answer['question']}"
    ]
    if found["prompt"]:
        told.append("prompt    {name} {version}, sha256 {sha256}".format(**found["prompt"]))
    told += [f"passage   {one['source']} ({'kept' if one['kept'] else 'dropped'})" for one in found["passages"]]
    told.append(f"model     {model['name']}, {model['kind']}" + (f" on {model['base']}" if model["base"] else ""))
    told += [f"file      {path} {digest}" for path, digest in sorted(model.get("files", {}).items())]
    if gate:
        told.append(f"gate      {gate['verdict']}, {gate['when']}, run {gate['run']}")
        told += [f"          {reason}" for reason in gate["reasons"]]
    if found["cycle"]:
        told.append(f"cycle     {found['cycle']['folder']}")
    if data:
        told.append(f"data      {data['name']}, {data['rows']} rows, sha256 {data.get('sha256', 'gone')}")
    told += [
        f"grader    {one['grader']}, {one['rows']} grades, counts {one['weight_now']:g}" for one in found["graders"]
    ]
    for number, sources in enumerate(data["sources"] if data else [], 1):
        said = "; ".join(" ".join(f"{name} {value}" for name, value in one.items()) for one in sources)
        told.append(f"row {number:<6}{said}")
    return told
