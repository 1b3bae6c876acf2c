"""Makes `requirements.lock` from pyproject.toml: exact versions for every extra and platform, without addresses.

`make lock` keeps what the lock has and adds what is new; `python3 scripts/lock.py --upgrade` takes the newest of all.
`--sizes` measures what each package weighs as a download (about 3 GB into a temporary folder) for set-up's forecast.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bootstrap import installer, packages
from bootstrap.console import Console
from bootstrap.errors import SetupError
from bootstrap.places import LOCK, PYTHON, ROOT


def main(arguments: list[str]) -> int:
    """Write the lock; exit 1 with uv's reason where the versions cannot be resolved."""
    try:
        uv = installer.get_uv(Console())
    except SetupError as error:
        print(error)
        return 1
    command = [*uv, "pip", "compile", "pyproject.toml", "--all-extras", "--universal", "--python-version", "3.11"]
    command += ["--no-emit-index-url", "--no-header", "--no-annotate", "--quiet", "--output-file", LOCK.name]
    if "--upgrade" in arguments:
        command.append("--upgrade")
    code = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode
    if code == 0 and "--sizes" in arguments:
        _measure(uv)
    return code


def _measure(uv: list[str]) -> None:
    """Weigh every package of the widest profile, as pip fetches it, and write `sizes.json`."""
    with tempfile.TemporaryDirectory() as scratch:
        fresh, wheels = Path(scratch) / "environment", Path(scratch) / "wheels"
        subprocess.run([*uv, "venv", "--quiet", "--seed", "--python", str(PYTHON), str(fresh)], check=True)
        extras = "providers,chroma,dev,bench,train,eval"
        dry = [*uv, "pip", "install", "--dry-run", "-p", str(fresh), "-c", str(LOCK), f"{ROOT}[{extras}]"]
        said = subprocess.run(dry, capture_output=True, text=True, check=True).stderr
        wanted = re.findall(r"^ \+ (\S+==\S+)$", said, re.M)
        names = Path(scratch) / "names.txt"
        names.write_text("\n".join(name for name in wanted if not name.startswith(packages.OWN)), encoding="utf-8")
        pip = [str(fresh / "bin" / "python"), "-m", "pip", "download", "--no-deps", "--no-cache-dir"]
        subprocess.run([*pip, "-r", str(names), "-d", str(wheels)], check=True)
        sizes = {_name(path): path.stat().st_size for path in wheels.iterdir()}
    target = Path(packages.__file__).with_name("sizes.json")
    target.write_text(json.dumps(dict(sorted(sizes.items())), indent=2) + "\n", encoding="utf-8")


def _name(path: Path) -> str:
    """The package a wheel or source archive is of."""
    stem = path.name.split("-")[0] if path.suffix == ".whl" else re.split(r"-\d", path.name)[0]
    return re.sub(r"[-_.]+", "-", stem).lower()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
