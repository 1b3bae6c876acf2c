"""`crossroads models`: those of the catalogue, and those trained here."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli.common import Home, Json, Set, settings_for
from assistant.cli.output import put, put_json, say
from graphs.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from assistant.config import Settings
    from assistant.models import PullProgress
    from training.registry import GateVerdict, Registry

app = typer.Typer(help="Fetch, show, promote and remove models.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The model's name.", show_default=False)]
Version = Annotated[str, typer.Argument(help="The version.", show_default=False)]


@app.command("list")
def list_(home: Home = None, set_: Set = None, as_json: Json = False) -> int:
    """List the models of the catalogue and those trained here.

    Example: crossroads models list
    """
    from assistant.models import list_models

    settings = settings_for(home, set_)
    catalogue = [_plain(status) for status in list_models(settings)]
    trained = [version.model_dump(mode="json") for version in _registry(settings).list()]
    if as_json:
        put_json({"models": catalogue, "trained": trained})
        return 0
    for model in catalogue:
        state = "here" if model["present"] else "not here: crossroads models pull " + model["name"]
        put(f"{model['name']:<28} {model['kind']:<10} {model['size'] / 1e6:>7.0f} MB  {model['licence']:<12} {state}")
    for version in trained:
        put(f"{version['name']:<28} {version['kind']:<10} version {version['version']}  {version['state']}")
    return 0


@app.command("pull")
def pull(
    names: Annotated[
        list[str] | None, typer.Argument(help="Which; all of the catalogue if none.", show_default=False)
    ] = None,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Fetch models, checked by sha256. Interrupted, it continues; what is there is not fetched again.

    Example: crossroads models pull
    """
    from assistant.models import CATALOGUE, ensure, find
    from assistant.models import show as status_of

    settings = settings_for(home, set_)
    wanted = [find(name).name for name in names or CATALOGUE]
    for name in wanted:
        ensure(name, settings, _Progress().take)
    if as_json:
        put_json({"models": [_plain(status_of(name, settings)) for name in wanted]})
    else:
        for name in wanted:
            put(f"{name} is in {status_of(name, settings).folder}")
    return 0


@app.command("show")
def show(
    name: Name,
    version: Annotated[str, typer.Argument(help="Of a trained model; the live one if none.", show_default=False)] = "",
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Show everything known of a model.

    Example: crossroads models show smollm2-135m-instruct
    """
    settings = settings_for(home, set_)
    record = _record(settings, name, version)
    if as_json:
        put_json(record)
    else:
        for key, value in record.items():
            put(f"{key:<14} {value}")
    return 0


@app.command("promote")
def promote(
    name: Name,
    version: Version,
    gate: Annotated[
        Path | None,
        typer.Option("--gate", help="What `crossroads eval gate … --json` printed of it.", show_default=False),
    ] = None,
    override: Annotated[
        str, typer.Option("--override", help="Why it may go live without a passing gate; kept on record.")
    ] = "",
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Make a version of a trained model the live one. It needs the gate's pass, or a reason.

    Example: crossroads models promote support-lora 3 --override "a trial on this computer"
    """
    registry = _registry(settings_for(home, set_))
    if gate is not None:
        registry.judge(name, version, _verdict(gate))
    promoted = registry.promote(name, version, override)
    steps = [step.model_dump(mode="json") for step in registry.history(name)]
    record = {**promoted.model_dump(mode="json"), "history": steps}
    return _tell(record, f"{name} {version} is live", as_json)


@app.command("rollback")
def rollback(
    name: Name,
    why: Annotated[str, typer.Option(help="Kept in the history.", show_default=False)] = "",
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Make the version live that was live before; of an improved model with none before it, what it was trained from.

    Example: crossroads models rollback support-lora
    """
    from assistant.improving.watch import take_back

    settings = settings_for(home, set_)
    back = take_back(_registry(settings), name, why, stands_in=name == settings.improve.name)
    line = f"{name} {back.version} is live again" if back.state == "live" else f"{back.base} answers again"
    return _tell(back.model_dump(mode="json"), line, as_json)


@app.command("canary")
def canary(
    name: Name,
    version: Annotated[
        str, typer.Argument(help="The candidate; without it the trial is shown.", show_default=False)
    ] = "",
    share: Annotated[
        float | None, typer.Option(help="Of the conversations; else improve.canary.", show_default=False)
    ] = None,
    stop: Annotated[bool, typer.Option("--stop", help="End the trial under way.")] = False,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Try a candidate on a share of the conversations; the watch halts it where votes or grounding get worse.

    Example: crossroads models canary improved 3 --share 0.1
    """
    from assistant.database import open_database
    from assistant.improving.watch import Watch
    from training.canary import Canaries

    settings = settings_for(home, set_)
    trials = Canaries(settings.home / "models")
    if stop:
        trials.stop(name, "stopped by a person")
    elif version:
        trials.start(name, version, settings.improve.canary if share is None else share)
    watch = Watch(engine := open_database(settings), settings)
    seen = [comparison.as_json() for comparison in watch.compare()]
    engine.dispose()
    now = trials.current(name)
    told = {"trial": now.model_dump(mode="json") if now else None, "signals": seen}
    told["history"] = [trial.model_dump(mode="json") for trial in trials.history(name)]
    line = f"{name} {now.version} answers {now.share:.0%} of the conversations" if now else f"{name} is not being tried"
    return _tell(told, "\n".join([line, *(one["text"] for one in seen)]), as_json)


@app.command("card")
def card(
    name: Name,
    version: Annotated[str, typer.Argument(help="The live one if none.", show_default=False)] = "",
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Print the model card of a trained model.

    Example: crossroads models card support-lora
    """
    from training.card import card as text_of

    record = _registry(settings_for(home, set_)).show(name, version)
    return _tell({"name": name, "version": record.version, "card": text_of(record)}, text_of(record), as_json)


@app.command("push")
def push(
    name: Name,
    version: Version,
    repository: Annotated[str, typer.Argument(help="On the hub, as OWNER/NAME.", show_default=False)],
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Publish a version with its card to a private repository of the Hugging Face hub.

    Example: crossroads models push support-lora 3 me/support-lora
    """
    from training.publish import push as upload

    where = upload(_registry(settings_for(home, set_)), name, version, repository)
    return _tell({"name": name, "version": version, "commit": where}, f"{name} {version} is at {where}", as_json)


@app.command("remove")
def remove(
    name: Name,
    version: Annotated[str, typer.Argument(help="Of a trained model.", show_default=False)] = "",
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Delete a pulled model's files, or a version of a trained one.

    Example: crossroads models remove all-minilm-l6-v2
    """
    from assistant.models import CATALOGUE
    from assistant.models import remove as remove_files

    settings = settings_for(home, set_)
    if name.removeprefix("local:") in CATALOGUE:
        freed = remove_files(name, settings)
        return _tell({"removed": name, "bytes": freed}, f"{name} removed, {freed / 1e6:.0f} MB free", as_json)
    _record(settings, name, version)  # a wrong name is told before a missing version
    if not version:
        raise UsageError(f"Which version of {name!r} is not said.", "See `crossroads models list`.")
    _registry(settings).remove(name, version)
    return _tell({"removed": name, "version": version}, f"{name} {version} removed", as_json)


class _Progress:
    """Tells of a download in steps of a tenth, so that a log stays readable."""

    def __init__(self) -> None:
        self._told = ""

    def take(self, progress: PullProgress) -> None:
        """Tell of a step where there is news."""
        share = f" {10 * (10 * progress.done // progress.total)} %" if progress.total else ""
        line = " ".join(part for part in (progress.name + ":", progress.state, progress.source) if part) + share
        line += f" ({progress.detail})" if progress.detail else ""
        if line != self._told:
            say(line)
        self._told = line


def _record(settings: Settings, name: str, version: str) -> dict[str, Any]:
    from assistant.models import CATALOGUE
    from assistant.models import show as status_of

    if name.removeprefix("local:") in CATALOGUE and not version:
        return _plain(status_of(name, settings))
    try:
        return _registry(settings).show(name, version).model_dump(mode="json")
    except NotFoundError as error:
        raise NotFoundError(error.message, f"In the catalogue: {', '.join(CATALOGUE)}. {error.cure}") from None


def _registry(settings: Settings) -> Registry:
    from training.registry import Registry

    return Registry(settings.home / "models")


def _verdict(path: Path) -> GateVerdict:
    """A verdict as the gate printed it. Raises `UsageError` where the file holds none."""
    from training.registry import GateVerdict

    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return GateVerdict(
            verdict=found["verdict"],
            reasons=[str(reason) for reason in found.get("reasons", [])],
            run=str(found.get("run", "")),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        cure = "Write it with `crossroads eval gate RUN --json > verdict.json`."
        raise UsageError(f"{str(path)!r} holds no verdict of the gate: {error!r}.", cure) from None


def _plain(status: Any) -> dict[str, Any]:
    return {**asdict(status), "folder": str(status.folder)}


def _tell(record: dict[str, Any], line: str, as_json: bool) -> int:
    if as_json:
        put_json(record)
    else:
        put(line)
    return 0
