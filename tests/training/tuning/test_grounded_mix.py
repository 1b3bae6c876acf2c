"""The mixture of the grounded adapter: cited answers, refusals, foreign instructions, and nothing that is judged by."""

from __future__ import annotations

import json
import re
from pathlib import Path

from training.tuning.grounded_mix import write_mix
from training.tuning.rows import read
from training.tuning.texts import REFUSAL, SFT_SHAPES


def test_rows_cite_what_they_hold_and_share_nothing_with_those_judged_by(data_folder: Path, tmp_path: Path) -> None:
    counts = write_mix(data_folder, tmp_path, most=60)
    train = [row.values for row in read([tmp_path / "train.jsonl"], SFT_SHAPES)]
    dev = [json.loads(line) for line in (tmp_path / "dev.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(train) == counts["train"] > 150
    assert counts["refusals"] > 30
    assert counts["attacked"] > 5
    for row in train:
        cited = [int(number) for number in re.findall(r"\[(\d+)\]", row["answer"])]
        assert cited or row["answer"] == REFUSAL
        assert all(1 <= number <= len(row["passages"]) for number in cited if number < 20)
    articles = {row["document"].replace("_", " ").lower() for row in dev}
    assert not articles & {row["document"].replace("_", " ").lower() for row in train}
