"""Makes the baseline that CI compares `smoke` with: runs the suite and keeps scores without the long answers.

    python scripts/baseline.py          runs smoke in a new home
    python scripts/baseline.py RUN      takes the run in that folder

Run it when questions of docs/questions.jsonl, a scorer or the quality itself changed on purpose, and say so in the
commit.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eval.record import SampleRecord

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
KEPT = ROOT / "eval" / "baselines" / "smoke"


def main() -> int:
    """Run, slim, write."""
    if len(sys.argv) > 1:
        return keep(Path(sys.argv[1]))
    with tempfile.TemporaryDirectory() as folder:
        home, out = f"{folder}/home", f"{folder}/run"
        command = [sys.executable, "-m", "assistant", "eval", "run", "smoke", "--home", home, "--out", out]
        return subprocess.run([*command, "--set", "store.linger=1"], cwd=ROOT).returncode or keep(Path(out))


def keep(folder: Path) -> int:
    """Write what the gate needs of a run."""
    from eval.record import SAMPLES, read_run, read_sample_records, write_run

    record, samples = read_run(folder), read_sample_records(folder)
    KEPT.mkdir(parents=True, exist_ok=True)
    slim = [
        item.model_copy(
            update={
                "sample": item.sample.model_copy(update={"metadata": _how(item)}),
                "output": item.output.model_copy(
                    update={"text": "", "answer": None, "draft": "", "passages": [], "route": None}
                ),
            }
        )
        for item in samples
    ]
    lines = "".join(item.model_dump_json(exclude_defaults=True) + "\n" for item in slim)
    (KEPT / SAMPLES).write_text(lines.replace(f"{ROOT}/", ""), encoding="utf-8")  # no path of the machine it ran on
    write_run(KEPT, record.model_copy(update={"machine": {"cores": record.machine.get("cores")}}))
    print(f"{len(slim)} samples in {KEPT.relative_to(ROOT)}")
    return 0


def _how(item: SampleRecord) -> dict[str, Any]:
    """How the sample was asked: the gate compares only what was asked alike."""
    from eval.target import ASK

    return {ASK: item.sample.metadata[ASK]} if ASK in item.sample.metadata else {}


if __name__ == "__main__":
    sys.exit(main())
