"""Sets up a clone: `python3 scripts/setup.py [run|test|bench]`. Interrupted, it continues; repeated, it is quick.

Needs Python 3.11 or 3.12 and nothing else. `make setup`, `make run` and `make test` call it.
"""

from __future__ import annotations

import sys

if not (3, 11) <= sys.version_info[:2] <= (3, 12):  # before any import that an older Python could not read
    print("Crossroads needs Python 3.11 or 3.12; this is {}.{}.{} ({}).".format(*sys.version_info[:3], sys.executable))
    print(
        "  Install one of them and run: make PYTHON=/path/to/python3.11 " + (sys.argv[1] if sys.argv[1:] else "setup")
    )
    sys.exit(2)

import os
import platform
import re
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bootstrap import assets, installer, packages, state
from bootstrap.console import Console, size
from bootstrap.errors import SetupError
from bootstrap.jobs import Jobs
from bootstrap.places import ENVIRONMENT, ROOT, cache_folder


@dataclass
class Choice:
    """What this set-up was asked for and what it found."""

    uv: list[str]
    extras: set[str]
    torch: packages.TorchChoice
    install: list[str]
    plan: packages.Plan


def main(profile: str) -> int:
    """Bring everything a profile needs; 0 ready, 1 failed, 2 wrong usage, 130 interrupted."""
    if profile not in packages.PROFILES:
        print(f"Unknown goal {profile!r}. Use one of: {', '.join(packages.PROFILES)}.")
        return 2
    wanted = set(packages.PROFILES[profile])
    if state.is_ready(wanted):
        print("Set-up: everything is there.")
        return 0
    console = Console()
    held = state.hold_lock(console)
    if state.is_ready(wanted):  # the one we waited for did it
        return 0
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _set_up(console, profile, wanted | state.installed_extras(), held)
    except SetupError as error:
        console.line(f"\nSet-up stopped: {error}")
        return 1
    except KeyboardInterrupt:
        console.line("\nStopped. Run the same command again: it continues where this ended.")
        return 130
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _set_up(console: Console, profile: str, extras: set[str], held: int) -> None:
    console.line(f"Setting up Crossroads (for `make {profile}`)")
    choice = _choose(console, extras)
    _announce(console, choice)
    jobs = Jobs(console, _environment(choice.uv), [held])
    try:
        files = _work(console, jobs, choice)
    finally:
        jobs.stop()
    state.write_stamp(choice.extras, files)
    console.line("Set-up is done.")


def _choose(console: Console, extras: set[str]) -> Choice:
    uv = installer.get_uv(console)
    packages.make_environment(uv)
    torch = packages.choose_torch(uv)
    install = packages.install_command(uv, extras, torch)
    return Choice(uv, extras, torch, install, packages.plan(install))


def _announce(console: Console, choice: Choice) -> None:
    """Say what is there and what will be fetched, before any of it is."""
    models, model_bytes = assets.describe_models()
    weaviate, weaviate_bytes = assets.describe_weaviate()
    version = ".".join(str(part) for part in installer.version_of(choice.uv) or ())
    plan = choice.plan
    if not plan.packages:
        what = "there"
    elif not plan.fetched:
        what = f"{len(plan.packages)} to install, all in uv's cache"
    else:
        what = f"{len(plan.packages)} to install, {plan.fetched} of them to fetch: at most {_weight(choice)}"
    console.line(f"  Python     {platform.python_version()}, {sys.executable}")
    console.line(f"  uv         {version}")
    console.line(f"  packages   {what}")
    console.line(f"  torch      {choice.torch.why}")
    console.line(f"  models     {models}")
    console.line(f"  Weaviate   {weaviate}")
    total = plan.bytes + model_bytes + weaviate_bytes
    console.line(f"  In all at most {size(total)} to fetch; packages into .venv, the rest into {cache_folder()}")
    _check_space(console, choice)
    console.line()


def _weight(choice: Choice) -> str:
    """What the packages weigh; where torch comes with CUDA, how much of it that is."""
    plan, part = choice.plan, re.compile(r"(nvidia-|cuda-|triton$|torch$)")
    cuda = sum(packages.sizes().get(name, 0) for name in plan.packages if part.match(name))
    told = plan.fetched == len(plan.packages) and any(name.startswith("nvidia-") for name in plan.packages)
    return size(plan.bytes) + (f", {size(cuda)} of it torch with CUDA" if told else "")


def _check_space(console: Console, choice: Choice) -> None:
    free = shutil.disk_usage(ROOT).free
    needed = 3 * choice.plan.bytes  # fetched, unpacked in uv's cache, and linked or copied into .venv
    if free < needed:
        console.line(f"  Only {size(free)} are free on this disk; set-up may need up to {size(needed)}.")


def _environment(uv: list[str]) -> dict[str, str]:
    """The programs' environment: uv within their reach, `.venv` first on the path."""
    folders = [str(ENVIRONMENT / "bin"), os.environ.get("PATH", "")]
    if len(uv) == 1:
        folders.append(str(Path(uv[0]).parent))
    kept = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "PYTHONHOME"}}
    return kept | {"PATH": os.pathsep.join(folders), "VIRTUAL_ENV": str(ENVIRONMENT), "PYTHONUNBUFFERED": "1"}


def _work(console: Console, jobs: Jobs, choice: Choice) -> list[Path]:
    """Install and fetch side by side; returns the files that must stay. Raises `SetupError`."""
    _install(console, jobs, packages.early_command(choice.uv), "first the small packages that fetching needs")
    weaviate = assets.start(jobs, "Weaviate", "weaviate")
    models = assets.start(jobs, "models", "models")
    _install(
        console,
        jobs,
        choice.install,
        f"{len(choice.plan.packages)} installed" if choice.plan.packages else "up to date",
    )
    jobs.wait(models.job)
    _finish(console, models)
    warm = assets.start(jobs, "convert", "warm")
    jobs.wait(warm.job)
    _finish(console, warm)
    jobs.wait(weaviate.job)
    if weaviate.ok:
        console.end("Weaviate", weaviate.done, weaviate.job.seconds)
    else:
        _fall_back(console, jobs, choice, weaviate)
    return models.files + weaviate.files


def _install(console: Console, jobs: Jobs, command: list[str], done: str) -> None:
    def on_line(line: str) -> None:
        if re.match(r"\s*(Downloading|Building|Resolved|Prepared|Installed|warning:)", line):
            console.status("packages", line.strip()[:60])

    job = jobs.start("packages", command, on_line)
    jobs.wait(job)
    if job.code:
        console.end("packages", "failed")
        raise SetupError(
            "The packages could not be installed:\n    " + "\n    ".join(job.tail[-8:]),
            "What is there is kept; run the same command again when the cause is gone.",
        )
    console.end("packages", done)


def _finish(console: Console, fetch: assets.Fetch) -> None:
    if not fetch.ok:
        console.end(fetch.name, "failed")
        raise SetupError(fetch.reason(), "What is there is kept; run the same command again when the cause is gone.")
    console.end(fetch.name, fetch.done, fetch.job.seconds)


def _fall_back(console: Console, jobs: Jobs, choice: Choice, weaviate: assets.Fetch) -> None:
    """No Weaviate: Chroma serves instead, and that is said."""
    console.end("Weaviate", f"not to be had: {weaviate.reason()}")
    console.line("            Chroma is used instead: the same features, from a store inside the process.")
    console.line("            Later: `crossroads doctor` shows the store in use and how to get Weaviate.")
    choice.extras.add("chroma")
    command = packages.install_command(choice.uv, choice.extras, choice.torch)
    _install(console, jobs, command, "Chroma installed")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "run"))
