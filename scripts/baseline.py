"""Makes the baseline that CI compares `smoke` with: runs the suite and keeps scores without the long answers.

    python scripts/baseline.py

Run it when questions of docs/questions.jsonl, a scorer or the quality itself changed on purpose, and say so in the
commit.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
KEPT = ROOT / "eval" / "baselines" / "smoke"


def main() -> int:
    """Run, slim, write."""
    from eval.record import SAMPLES, read_run, read_sample_records, write_run

    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "assistant", "eval", "run", "smoke", "--out", folder, "--fresh"]
        if subprocess.run(command, cwd=ROOT).returncode:
            return 1
        record, samples = read_run(Path(folder)), read_sample_records(Path(folder))
    KEPT.mkdir(parents=True, exist_ok=True)
    slim = [
        item.model_copy(
            update={
                "sample": item.sample.model_copy(update={"metadata": {}}),
                "output": item.output.model_copy(update={"text": "", "answer": None, "passages": [], "route": None}),
            }
        )
        for item in samples
    ]
    lines = "".join(item.model_dump_json(exclude_defaults=True) + "\n" for item in slim)
    (KEPT / SAMPLES).write_text(lines, encoding="utf-8")
    write_run(KEPT, record.model_copy(update={"machine": {"cores": record.machine.get("cores")}}))
    print(f"{len(slim)} samples in {KEPT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
