"""The bench beside plain TRL runs from beginning to end, so that a GPU's minutes are not spent on finding out."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.assistant.tiny_models import tiny_folder


@pytest.mark.parametrize("adapter", ["lora", "none"])
def test_ours_and_trl_learn_the_same_rows(
    adapter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bench import training as bench

    keys = {"--base": tiny_folder(tmp_path), "--adapter": adapter, "--rows": 32, "--steps": 3, "--length": 512}
    given = [str(part) for pair in keys.items() for part in pair]
    monkeypatch.setattr(sys, "argv", ["training.py", *given, "--batch", "2", "--json"])
    monkeypatch.setattr(bench, "peak_flops", lambda: 1e12)
    bench.main()
    found = {row["name"]: row for row in json.loads(capsys.readouterr().out.splitlines()[-1])["rows"]}
    assert list(found) == ["crossroads, packed", "crossroads, padded", "TRL, padded"]
    ours, plain = found["crossroads, padded"], found["TRL, padded"]
    assert ours["loss"] == pytest.approx(plain["loss"], rel=0.05)
    assert found["crossroads, packed"]["tokens"] > ours["tokens"]
    assert all(row["tokens_per_second"] > 0 and row["mfu"] > 0 for row in found.values())
