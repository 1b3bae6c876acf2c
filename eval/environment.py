"""What a run's record says of where it was made: versions, git, machine."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = (
    "crossroads-assistant", "langchain-core", "langgraph", "numpy", "scipy", "torch", "transformers", "tokenizers",
    "openvino", "openvino-genai", "weaviate-client", "chromadb", "lm-eval", "ragas", "sacrebleu", "rouge-score",
)  # fmt: skip
_ROOT = Path(__file__).resolve().parent.parent


def versions() -> dict[str, str]:
    """Package → version, of those that are installed."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def git_state() -> dict[str, Any]:
    """Commit of the code and whether it was changed since; empty outside a clone."""
    commit = _git("rev-parse", "HEAD")
    if not commit or _git("rev-parse", "--show-toplevel") != str(_ROOT):
        return {}
    return {"commit": commit, "changed": bool(_git("status", "--porcelain", "--untracked-files=no"))}


def machine() -> dict[str, Any]:
    """Processor, cores, memory, system."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(pages / 2**30, 1),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _git(*arguments: str) -> str:
    try:
        found = subprocess.run(["git", "-C", str(_ROOT), *arguments], capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""
