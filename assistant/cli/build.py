"""`crossroads data build-…` and `approve`: training rows made of documents and votes, shown to a person."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from assistant.cli.common import Home, Json, Set, session
from assistant.cli.data import app as app
from assistant.cli.output import put, put_json, say, say_status

Out = Annotated[Path, typer.Option("--out", help="The folder the rows wait for approval in.", show_default=False)]


@app.command("build-grounded")
def build_grounded(
    out: Out,
    collection: Annotated[str, typer.Option(help="Documents of this collection.", show_default="every one")] = "",
    by: Annotated[
        str, typer.Option(help="Who asks: `sentences` that say what something is, or a chat model's name.")
    ] = "sentences",
    most: Annotated[int, typer.Option(help="Most rows; 0 makes all.", min=0)] = 0,
    distractors: Annotated[int, typer.Option(help="Passages beside the evidence.", min=0)] = 3,
    refusals: Annotated[
        float, typer.Option(help="Share of questions also asked without evidence.", min=0, max=1)
    ] = 0.3,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Make questions with evidence, distractors and refusals from your documents, checked, for approval.

    Example: crossroads data build-grounded --out rows --by openai:gpt-5-mini
    """
    arguments = {"out": str(out.absolute()), "collection": collection, "by": by, "most": most}
    arguments |= {"distractors": distractors, "refusals": refusals}
    return _build("data/build-grounded", arguments, home, set_, as_json)


@app.command("build-preferences")
def build_preferences(out: Out, home: Home = None, set_: Set = None, as_json: Json = False) -> int:
    """Make pairs of a liked and a disliked answer from votes, checked, for approval.

    Example: crossroads data build-preferences --out pairs
    """
    return _build("data/build-preferences", {"out": str(out.absolute())}, home, set_, as_json)


@app.command("approve")
def approve(
    folder: Annotated[Path, typer.Argument(help="The folder a builder wrote.", show_default=False)],
    all_: Annotated[bool, typer.Option("--all", help="Keep all that wait, unseen.")] = False,
    keep: Annotated[
        list[str] | None, typer.Option("--keep", help="Keep the row of this id.", show_default=False)
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option("--drop", help="Drop the row of this id.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> int:
    """Look at made rows one by one and keep or drop them; `approved.jsonl` then holds what was kept.

    Example: crossroads data approve rows
    """
    from training.builders.approval import Desk

    desk = Desk(folder)
    for row_id in keep or []:
        desk.decide(row_id, "keep")
    for row_id in drop or []:
        desk.decide(row_id, "drop")
    if all_:
        for row in desk.waiting():
            desk.decide(row["id"], "keep")
    elif not keep and not drop and not as_json:
        _ask_about(desk)
    approved = desk.write_approved()
    if as_json:
        put_json({**desk.counts(), "approved": approved, "file": str(folder / "approved.jsonl")})
    else:
        put(f"{approved} rows kept in {folder / 'approved.jsonl'}; {desk.counts()['waiting']} wait")
    return 0


def _ask_about(desk: Any) -> None:
    waiting = desk.waiting()
    for number, row in enumerate(waiting, start=1):
        put(f"\n{number} of {len(waiting)}")
        _show(row)
        reply = input("[k]eep, [d]rop, [m]end the answer, [q]uit: ").strip().lower()[:1]
        if reply == "q":
            return
        if reply == "m":
            column = "answer" if "answer" in row else "chosen"
            desk.decide(row["id"], "keep", **{column: input("The answer: ").strip() or row[column]})
        elif reply in {"k", "d"}:
            desk.decide(row["id"], "keep" if reply == "k" else "drop")


def _show(row: dict[str, Any]) -> None:
    if "question" in row:
        for number, passage in enumerate(row["passages"], start=1):
            put(f"  [{number}] {' '.join(passage.split())[:300]}")
        put(f"  Question: {row['question']}\n  Answer:   {row['answer']}")
    else:
        put(f"  Prompt:   {row['prompt'][-1]['content'][:600]}")
        put(f"  Better:   {row['chosen']}\n  Worse:    {row['rejected']}")
    if row.get("checks"):
        put("  Checks:   " + ", ".join(f"{name} {value}" for name, value in row["checks"].items()))


def _build(operation: str, arguments: dict[str, Any], home: Path | None, set_: list[str] | None, as_json: bool) -> int:
    with session(home, set_) as run:
        result = run(operation, arguments, say_status)
    if as_json:
        put_json(result)
        return 0
    put(f"{result['candidates']} rows wait in {result['out']}; {result['rejected']} did not pass the checks")
    say(f"Look at them: crossroads data approve {result['out']}")
    return 0
