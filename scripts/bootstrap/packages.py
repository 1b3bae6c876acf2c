"""Which packages are installed, which build of torch, and how much has to be fetched for them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import SetupError
from .places import ENVIRONMENT, LOCK, PYTHON, ROOT

PROFILES: dict[str, tuple[str, ...]] = {
    "run": ("providers",),
    "test": ("providers", "chroma", "faiss", "pinecone", "postgres", "mcp", "train", "eval", "dev"),
    "bench": ("providers", "chroma", "faiss", "pinecone", "postgres", "mcp", "train", "eval", "dev", "bench"),
}
"""What each `make` goal needs of the extras in pyproject.toml."""

PROBE_SECONDS = 3
"""How long PyTorch's wheel index may take to answer before its CPU build counts as out of reach."""

OWN = "crossroads-assistant"

EARLY = ("pydantic", "platformdirs", "python-dotenv", "httpx", "filelock", "huggingface-hub", "psutil")
"""Small packages that fetching models and Weaviate needs: installed first, so that both run beside the large ones."""


@dataclass(frozen=True)
class TorchChoice:
    """Which build of torch is taken. `backend` is uv's word for it; empty leaves it to the package index."""

    backend: str
    why: str


@dataclass(frozen=True)
class Plan:
    """What installing would do."""

    packages: tuple[str, ...]
    """Names of what is missing or of another version."""
    fetched: int
    """How many of them are not in uv's cache yet."""
    bytes: int
    """Upper bound of what they weigh, from the recorded sizes."""


def has_gpu() -> bool:
    """Whether this machine has an NVIDIA GPU with its driver."""
    return Path("/proc/driver/nvidia/version").exists() or Path("/dev/nvidiactl").exists()


def sizes() -> dict[str, int]:
    """Package name → bytes of its Linux wheel at the locked version."""
    recorded: dict[str, int] = json.loads((Path(__file__).parent / "sizes.json").read_text(encoding="utf-8"))
    return recorded


def locked(name: str) -> str:
    """`name==version` as the lock has it."""
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{name}=="):
            return line.split(";")[0].strip()
    raise SetupError(f"{LOCK.name} has no {name!r}.", "Run `make lock`, or take the file from the repository again.")


def make_environment(uv: Sequence[str]) -> bool:
    """Make `.venv` unless a working one of this Python is there; True where it was made. Raises `SetupError`."""
    if _environment_works():
        return False
    command = [*uv, "venv", "--quiet", "--clear", "--seed", "--python", sys.executable, str(ENVIRONMENT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        raise SetupError(f".venv could not be made: {last_line(done.stderr)}", "Remove .venv and run it again.")
    return True


def _environment_works() -> bool:
    if not PYTHON.exists():
        return False
    check = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([PYTHON, "-c", check], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.strip() == "{}.{}".format(*sys.version_info[:2])


def torch_installed() -> str:
    """The version of torch in `.venv`, such as `2.13.0+cpu`; empty where there is none."""
    for found in ENVIRONMENT.glob("lib/python*/site-packages/torch-*.dist-info"):
        return found.name.removeprefix("torch-").removesuffix(".dist-info")
    return ""


def choose_torch(uv: Sequence[str]) -> TorchChoice:
    """The CPU build where there is no GPU and it can be had; what is installed already is kept."""
    if sys.platform != "linux":
        return TorchChoice("", "the build of the package index")
    if has_gpu():
        return TorchChoice("", "the CUDA build, because this machine has an NVIDIA GPU")
    present = torch_installed()
    if present:
        build = "the CPU build" if present.endswith("+cpu") else "the package index's build"
        return TorchChoice("cpu" if present.endswith("+cpu") else "", f"{build}, installed already")
    if _cpu_build_answers(uv):
        return TorchChoice("cpu", "the CPU build, because there is no NVIDIA GPU")
    return TorchChoice(
        "", f"the package index's CUDA build: PyTorch's own index did not offer the CPU build within {PROBE_SECONDS} s"
    )


def _cpu_build_answers(uv: Sequence[str]) -> bool:
    command = [*uv, "pip", "install", "--dry-run", "--no-deps", "--torch-backend", "cpu", "-p", str(PYTHON)]
    environment = os.environ | {"UV_HTTP_TIMEOUT": str(PROBE_SECONDS), "UV_HTTP_RETRIES": "0"}
    try:
        done = subprocess.run(
            [*command, locked("torch")],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            timeout=PROBE_SECONDS + 2,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0 and "+cpu" in done.stderr + done.stdout


def install_command(uv: Sequence[str], extras: Iterable[str], torch: TorchChoice) -> list[str]:
    """The command that installs this project, editable, with every version held to the lock."""
    wanted = f"{ROOT}[{','.join(sorted(extras))}]"
    command = [*uv, "pip", "install", "-p", str(PYTHON), "-c", str(LOCK), "-e", wanted]
    if torch.backend:
        command += ["--torch-backend", torch.backend]
    if has_gpu() and torch_installed().endswith("+cpu"):
        command += ["--reinstall-package", "torch"]
    return command


def early_command(uv: Sequence[str]) -> list[str]:
    """The command that installs the few small packages that fetching needs."""
    return [*uv, "pip", "install", "-p", str(PYTHON), "-c", str(LOCK), *EARLY]


def plan(command: Sequence[str]) -> Plan:
    """What an install command would do, from uv's own dry run. Raises `SetupError` where it cannot be resolved."""
    done = subprocess.run([*command, "--dry-run"], capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        raise SetupError(
            f"The packages cannot be resolved: {last_line(done.stderr)}",
            "Is the package index within reach? uv uses your own configuration (uv.toml, UV_INDEX_URL, proxies).",
        )
    return read_plan(done.stdout + done.stderr)


def read_plan(said: str) -> Plan:
    """uv's dry run as a `Plan`."""
    names = [re.sub(r"[-_.]+", "-", name).lower() for name in re.findall(r"^ \+ ([A-Za-z0-9._-]+)==", said, re.M)]
    fetched = re.search(r"Would download (\d+) package", said)
    missing = tuple(name for name in names if name != OWN)
    own = re.search(rf"^ \+ {OWN}\b", said, re.M) is not None
    recorded = sizes()
    weights = sorted((recorded.get(name, 0) for name in missing), reverse=True)
    count = (int(fetched[1]) if fetched else 0) - own  # uv counts building this project as a download
    count = max(0, min(count, len(missing)))
    return Plan(missing, count, sum(weights[:count]))


def last_line(text: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason was given"
