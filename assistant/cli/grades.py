"""`crossroads grades`: experts' grades, and the training data that comes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from assistant.cli.common import Home, Json, Set, session
from assistant.cli.output import put, put_json, quiet, say
from assistant.grades.words import CHECKER_WORDS, share_words
from graphs.errors import StorageError, UsageError

app = typer.Typer(help="Grade answers, and make training data of the grades.", no_args_is_help=True)
Grader = Annotated[str, typer.Option(help="Whose grade it is; else the setting grading.grader.", show_default=False)]
AnswerId = Annotated[str, typer.Argument(help="The answer's id, as `ask --json` prints it.", show_default=False)]


@app.command("list")
def list_(home: Home = None, set_: Set = None, as_json: Json = False) -> int:
    """List the grades that count, with progress and agreement.

    Example: crossroads grades list
    """
    result = _run("grades/list", {}, home, set_)
    if as_json:
        put_json(result)
        return 0
    for grade in result["grades"]:
        scores = " ".join(f"{name} {value}" for name, value in grade["scores"].items()) or grade["outcome"]
        put(f"{grade['answer_id']}  {grade['grader']}  {scores}  {_short(grade['question'])}")
    say(f"{result['graded']} of {result['answers']} answers graded by {len(result['graders'])}")
    for name, found in result["agreement"].items():
        if found["alpha"] is not None:
            say(f"agreement on {name}: {found['alpha']:.2f} ({found['items']} answers graded twice)")
    return 0


@app.command("next")
def next_(grader: Grader = "", home: Home = None, set_: Set = None, as_json: Json = False) -> int:
    """Show the answer that is most worth a grade now.

    Example: crossroads grades next
    """
    result = _run("grades/next", {"grader": grader}, home, set_)
    item = result["item"]
    if as_json:
        put_json(result)
    elif item is None:
        say("Nothing is left to grade.")
    else:
        answer = item["logged"]["answer"]
        put(f"{answer['answer_id']}\n\n{item['logged']['question']}\n\n{answer['text']}")
        say(f"{item['why']}; {item['left']} left")
    return 0


@app.command("add")
def add(
    answer_id: AnswerId,
    score: Annotated[list[str] | None, typer.Option(help="As criterion=number.", show_default=False)] = None,
    better: Annotated[str, typer.Option(help="What the answer should have been.", show_default=False)] = "",
    comment: Annotated[str, typer.Option(help="A remark.", show_default=False)] = "",
    unknown: Annotated[bool, typer.Option("--unknown", help="You cannot judge it.")] = False,
    grader: Grader = "",
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Grade an answer; a second grade of the same answer corrects the first.

    Example: crossroads grades add 3f2a --score correct=5 --score supported=5 --score complete=4
    """
    grade = {
        "answer_id": answer_id,
        "grader": grader,
        "outcome": "unknown" if unknown else "graded",
        "scores": _scores(score or []),
        "better_answer": better,
        "comment": comment,
    }
    result = _run("grades/record", grade, home, set_)
    if as_json:
        put_json(result)
    else:
        say(f"kept as version {result['version']}")
    return 0


@app.command("undo")
def undo(grader: Grader = "", home: Home = None, set_: Set = None, as_json: Json = False) -> int:
    """Withdraw the last grade.

    Example: crossroads grades undo
    """
    result = _run("grades/undo", {"grader": grader}, home, set_)
    if as_json:
        put_json(result)
    else:
        say(f"withdrawn: {result['answer_id']}")
    return 0


@app.command("export")
def export(
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            help="sft, kto, dpo, reward, detector, retrieval, reader, examples or router.",
            show_default=False,
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="File to write; else standard output.", show_default=False)] = None,
    without: Annotated[
        list[Path] | None, typer.Option(help="Evaluation sets whose questions are left out.", show_default=False)
    ] = None,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Write training rows made of the grades, as JSON lines; beside a file also its card.

    Example: crossroads grades export --format dpo --out grades.jsonl
    """
    files = [str(path.expanduser().absolute()) for path in without or []]
    if missing := [file for file in files if not Path(file).is_file()]:
        raise UsageError(f"There is no file {missing[0]!r}.", "Name evaluation sets as JSON lines.")
    result = _run("grades/export", {"format": format_, "without": files}, home, set_)
    lines = [json.dumps(row, ensure_ascii=False) for row in result.pop("rows")]
    if out:
        _write(out, lines, str(result["card"]))
    if as_json:
        put_json({**result, "rows": len(lines), "file": str(out) if out else ""})
    elif not out:
        put("\n".join(lines))
    left_out = ", ".join(
        f"{result[name]} {name.replace('_', ' ')}" for name in ("repeated", "near", "held_out", "unused", "excluded")
    )
    say(f"{len(lines)} rows; left out: {left_out}")
    return 0 if lines else 1


@app.command("graders")
def graders(home: Home = None, set_: Set = None, as_json: Json = False) -> int:
    """Show each grader: how many grades, how near to gold and to the others, what they count, and why.

    Example: crossroads grades graders
    """
    result = _run("grades/graders", {}, home, set_)
    if as_json:
        put_json(result)
        return 0
    for name, count in sorted(result["graders"].items()):
        gold = result["against_gold"].get(name)
        near = (
            f"gold {share_words(gold['agrees'], gold['low'], gold['high'], gold['items'])}" if gold else "no gold yet"
        )
        put(f"{name}  {count} grades  counts {result['weights'].get(name, 1):g}  {near}")
    for change in result["history"]:
        put(f"{change['created'][:10]}  {change['grader']} counts {change['weight']:g}: {change['reason']}")
    return 0


@app.command("gold")
def gold(
    answer_id: AnswerId,
    off: Annotated[bool, typer.Option("--off", help="Let go of it again.")] = False,
    grader: Grader = "",
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Fix a grade as the right one: graders are measured against it without knowing which answers these are.

    Example: crossroads grades gold 3f2a --grader ann
    """
    result = _run("grades/gold", {"answer_id": answer_id, "grader": grader, "counts": not off}, home, set_)
    if as_json:
        put_json(result)
    else:
        say(f"{result['gold']} answers have a gold grade")
    return 0


@app.command("weigh")
def weigh(
    person: Annotated[str, typer.Argument(help="The grader's name.", show_default=False)],
    weight: Annotated[float, typer.Argument(help="0 leaves their grades out, 1 counts them whole.", min=0, max=1)],
    reason: Annotated[str, typer.Option(help="Why; everybody sees it.", show_default=False)] = "",
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Say how much a grader's grades count in data and in agreement with machines. It can be taken back at any time.

    Example: crossroads grades weigh bob 0 --reason "disagrees with gold"
    """
    result = _run("grades/weigh", {"grader": person, "weight": weight, "reason": reason}, home, set_)
    if as_json:
        put_json(result)
    else:
        say(f"the grades of {person} count {weight:g} from now on")
    return 0


@app.command("calibration")
def calibration(
    judge: Annotated[
        bool, typer.Option("--judge", help="Ask the judge (models.judge) about blind choices too.")
    ] = False,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Show how far the grounding checker, and with --judge the judge, agree with the experts of this home.

    Example: crossroads grades calibration
    """
    result = _run("grades/calibration", {"judge": judge}, home, set_)
    if as_json:
        put_json(result)
        return 0
    for name, words in CHECKER_WORDS.items():
        found = result["checker"][name]
        put(f"{words}: {share_words(found['value'], found['low'], found['high'], found['n'])}")
    if "judge" in result:
        found = result["judge"]["agrees"]
        put(
            f"judge and experts prefer the same: {share_words(found['value'], found['low'], found['high'], found['n'])}"
        )
    return 0


@app.command("forget")
def forget(
    grader: Annotated[str, typer.Argument(help="The person's name.", show_default=False)],
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Delete everything one person graded.

    Example: crossroads grades forget "A. Person"
    """
    result = _run("grades/forget", {"grader": grader}, home, set_)
    if as_json:
        put_json(result)
    else:
        say(f"{result['deleted']} records deleted")
    return 0


def _write(out: Path, lines: list[str], card: str) -> None:
    try:
        out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        out.with_suffix(".md").write_text(card, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{str(out)!r} cannot be written: {error.strerror}.", "Name another file.") from error


def _scores(given: list[str]) -> dict[str, int]:
    scores = {}
    for pair in given:
        name, _, value = pair.partition("=")
        if not value.strip().lstrip("-").isdigit():
            raise UsageError(f"{pair!r} is no score.", "Write --score criterion=number, such as --score correct=4.")
        scores[name.strip()] = int(value)
    return scores


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"


def _run(operation: str, arguments: dict[str, Any], home: Path | None, set_: list[str] | None) -> Any:
    with session(home, set_, tell=False) as run:
        return run(operation, arguments, quiet)
