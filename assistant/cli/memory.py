"""`crossroads memory`: the facts you asked to remember."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from assistant.cli.common import Home, Json, Set, session
from assistant.cli.output import put, put_json, quiet

app = typer.Typer(help="List, add, edit and delete the facts you asked to remember.", no_args_is_help=True)
_FactId = Annotated[str, typer.Argument(help="The fact's id, as `list` shows it.", show_default=False)]
_Text = Annotated[str, typer.Argument(help="The fact in words.", show_default=False)]


@app.command("list")
def list_(home: Home = None, set_: Set = None, as_json: Json = False) -> int:
    """List the facts.

    Example: crossroads memory list
    """
    with session(home, set_, tell=False) as run:
        facts = run("memory/list", {}, quiet)["facts"]
    if as_json:
        put_json({"facts": facts})
    else:
        for fact in facts:
            put(f"{fact['fact_id']}  {fact['text']}")
    return 0


@app.command()
def add(text: _Text, home: Home = None, set_: Set = None, as_json: Json = False) -> int:
    """Remember a fact.

    Example: crossroads memory add "I work in the Basel office."
    """
    return _changed("memory/add", {"text": text}, home, set_, as_json)


@app.command()
def edit(fact_id: _FactId, text: _Text, home: Home = None, set_: Set = None, as_json: Json = False) -> int:
    """Change a fact.

    Example: crossroads memory edit 3f0c… "I work in the Bern office."
    """
    return _changed("memory/edit", {"fact_id": fact_id, "text": text}, home, set_, as_json)


@app.command()
def delete(fact_id: _FactId, home: Home = None, set_: Set = None, as_json: Json = False) -> int:
    """Forget a fact.

    Example: crossroads memory delete 3f0c…
    """
    with session(home, set_, tell=False) as run:
        result = run("memory/delete", {"fact_id": fact_id}, quiet)
    put_json(result) if as_json else put("forgotten")
    return 0


def _changed(operation: str, arguments: dict[str, Any], home: Any, set_: Any, as_json: bool) -> int:
    with session(home, set_, tell=False) as run:
        fact = run(operation, arguments, quiet)
    put_json(fact) if as_json else put(f"{fact['fact_id']}  {fact['text']}")
    return 0
