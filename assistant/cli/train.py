"""`crossroads train`: any stage of training, from a recipe to a registered candidate."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli.common import Home, Json, settings_for
from assistant.cli.output import INTERRUPTED, put, put_json, say
from graphs.errors import Cancelled, CrossroadsError, ModelError

if TYPE_CHECKING:
    from assistant.config import Settings
    from training.recipe import Recipe
    from training.run import Run


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe's YAML file, or the name of one that ships.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Replace a key of the recipe.", metavar="KEY=VALUE", show_default=False),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the run's last checkpoint.")] = False,
    track: Annotated[
        list[str] | None,
        typer.Option("--track", help="Report to tensorboard, mlflow or wandb as well.", show_default=False),
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Train a model as a recipe says and register it as a candidate.

    Example: crossroads train pretrain-tiny-gpt --set steps=200
    """
    from assistant.models.folders import base_folder
    from training.listeners import Bar, trackers
    from training.recipe import parse_sets
    from training.registry import Registry
    from training.run import is_main_process
    from training.stages import load_recipe, train

    settings = settings_for(home)
    loaded = load_recipe(recipe, parse_sets(set_ or []))
    bar = Bar(say)
    try:
        with _stopping() as started:
            trained = train(
                loaded,
                resume=resume,
                listeners=[bar, *trackers(track or [], loaded.folder, loaded.name)],
                resolve=lambda name: base_folder(name, settings),
                started=lambda run: _begin(run, settings, started),
            )
    except Cancelled:
        _draw(loaded)
        sets = [part for item in set_ or [] for part in ("--set", item)]
        say(f"Continue with: {shlex.join(['crossroads', 'train', recipe, '--resume', *sets])}")
        return INTERRUPTED
    except CrossroadsError:
        _draw(loaded)
        raise
    except ImportError as error:
        cure = "Install it with: pip install 'crossroads-assistant[train]'."
        raise ModelError(f"Training needs a package that is not installed: {error.name}.", cure) from error
    finally:
        bar.close()
    if not is_main_process():
        return 0
    _draw(loaded)
    version = Registry(settings.home / "models").add(trained.folder, trained.version)
    if as_json:
        put_json(version.model_dump(mode="json"))
    else:
        figures = ", ".join(f"{name} {value:.4g}" for name, value in version.metrics.items())
        put(f"{version.name} {version.version} is registered as a candidate: {figures}")
    return 0


def _draw(recipe: Recipe) -> None:
    """The losses so far as a picture, however the run ended."""
    from training.plot import save_plot
    from training.run import is_main_process, read_events

    path = recipe.folder / "loss.png"
    if is_main_process() and save_plot(read_events(recipe.folder), path, recipe.name):
        say(f"The losses are drawn in {path}")


def _begin(run: Run, settings: Settings, started: Callable[[Run], object]) -> None:
    """Give the run what only the application has: the checker that rewards may ask, loaded when one does."""
    from assistant.evidence import CheckerWhenAsked

    run.checker = CheckerWhenAsked(settings)
    started(run)


@contextmanager
def _stopping() -> Iterator[Any]:
    """Ctrl-C asks the run to write a checkpoint and end; a second one ends it at once."""
    runs: list[Run] = []

    def ask(number: int, frame: Any) -> None:
        del number, frame
        if not runs or runs[0].stop.is_set():
            raise KeyboardInterrupt
        say("stopping after this step; Ctrl-C again stops at once")
        runs[0].stop.set()

    try:
        before = signal.signal(signal.SIGINT, ask)
    except ValueError:  # not the main thread: whoever called us stops us
        yield runs.append
        return
    try:
        yield runs.append
    finally:
        signal.signal(signal.SIGINT, before)
