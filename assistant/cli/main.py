"""The command line as a whole: which commands there are, and how errors leave it."""

from __future__ import annotations

import sys
import tempfile
import traceback
from typing import Annotated

import typer

from assistant.cli import (
    advise,
    approve,
    ask,
    backup,
    build,
    chat,
    check,
    doctor,
    evaluate,
    examples,
    export,
    grades,
    improve,
    ingest,
    knowledge,
    lineage,
    memory,
    models,
    people,
    prompts,
    replay,
    routing,
    serve,
    train,
)
from assistant.cli.output import INTERRUPTED, put, report, say
from graphs.errors import CrossroadsError, UsageError


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        put(version("crossroads-assistant"))
        raise typer.Exit


app = typer.Typer(
    name="crossroads",
    help="An assistant that takes the cheapest path that answers well, shows its sources, says when it does not know.",
    epilog='Example: crossroads ask "When should I fine-tune rather than retrieve?"',
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def crossroads(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Hold the options that belong to no command."""
    del version


app.command("serve")(serve.serve)
app.command("ask")(ask.ask)
app.command("check")(check.check)
app.command("chat")(chat.chat)
app.command("approve")(approve.approve)
app.command("replay")(replay.replay)
app.command("ingest")(ingest.ingest)
app.add_typer(knowledge.app, name="knowledge")
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.add_typer(memory.app, name="memory")
app.add_typer(models.app, name="models")
app.add_typer(grades.app, name="grades")
app.add_typer(people.app, name="people")
app.add_typer(examples.app, name="examples")
app.add_typer(routing.app, name="routing")
app.add_typer(prompts.app, name="prompts")
app.add_typer(evaluate.app, name="eval")
app.command("train")(train.train)
app.command("improve")(improve.improve)
app.command("lineage")(lineage.lineage)
app.command("advise")(advise.advise)
app.command("export")(export.export)
app.add_typer(build.app, name="data")
app.command("doctor")(doctor.doctor)


def run(arguments: list[str]) -> int:
    """Run a command; its exit code. Errors are printed with their cure, never with a traceback."""
    as_json = "--json" in arguments
    try:
        code = app(args=arguments, prog_name="crossroads", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except CrossroadsError as error:
        return report(error, as_json)
    except typer.TyperException as error:
        if not arguments or not _wrong_usage(error).message.strip():
            return 2  # no command was named: the help has been printed
        return report(_wrong_usage(error), as_json)
    except (KeyboardInterrupt, typer.Abort):
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        sys.stdout = None  # whoever read our output has left: nothing more to flush
        return 1
    except Exception as error:
        return report(_unforeseen(error), as_json)


def _wrong_usage(error: typer.TyperException) -> UsageError:
    format_message = getattr(error, "format_message", lambda: str(error))
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "crossroads"
    return UsageError(str(format_message()), f"See `{command} --help`.")


def _unforeseen(error: Exception) -> CrossroadsError:
    with tempfile.NamedTemporaryFile("w", prefix="crossroads-error-", suffix=".txt", delete=False) as file:
        traceback.print_exception(error, file=file)
    message = f"Something went wrong that nobody foresaw: {type(error).__name__}: {error}."
    return CrossroadsError(message, f"Where it failed stands in {file.name}; please report it.")
