"""Recipes, run folders and `crossroads train`: refused by name, continued as begun, registered as a candidate."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from assistant.cli.main import run
from graphs.errors import BusyError, Cancelled, SettingsError, UsageError
from training.grounding.recipe import GroundingRecipe
from training.recipe import RECIPES, find_recipe, parse_sets, read_values
from training.registry import Registry
from training.run import Run
from training.stages import STAGES, load_recipe

ROWS = {"made": 240}


@pytest.fixture
def recipe(tmp_path: Path) -> GroundingRecipe:
    return GroundingRecipe(name="tiny", out=tmp_path / "run", rows=ROWS, swaps=0)


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_that_ships_loads(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSROADS_DATA", "data")
    assert load_recipe(str(path)).stage in STAGES


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (["swapz=3"], "'swapz'.*'swaps'"),
        (["stage=cooking"], "'cooking'.*grounding"),
        (["held_out=2"], "'held_out' cannot be 2"),
        (["name=Big Model"], "'name' cannot be 'Big Model'"),
        (["out=${NOT_SET_ANYWHERE}"], "NOT_SET_ANYWHERE"),
        (["name.first=x"], "'name' is 'grounding-features'"),
    ],
)
def test_a_wrong_key_is_refused_with_its_value_and_a_cure(sets: list[str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load_recipe("grounding", parse_sets(sets))


def test_an_unknown_recipe_names_those_there_are() -> None:
    with pytest.raises(SettingsError, match=r"grounding, .*reader"):
        find_recipe("ground")


def test_a_set_without_a_key_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="'steps'"):
        parse_sets(["steps"])


def test_dotted_keys_reach_inside() -> None:
    values = read_values(find_recipe("grounding"), parse_sets(["rows.summedits=7", "rows.more=[1, 2]"]))
    assert values["rows"] == {"detect_train": 8000, "summedits": 7, "more": [1, 2]}


def test_a_second_run_in_a_folder_needs_resume(recipe: GroundingRecipe) -> None:
    with Run(recipe):
        pass
    with pytest.raises(UsageError, match=r"holds a run already.*--resume"), Run(recipe):
        pass
    with Run(recipe, resume=True):
        pass


def test_a_continued_run_must_have_its_recipe_and_data(recipe: GroundingRecipe, tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_text("{}\n", encoding="utf-8")
    with Run(recipe) as first:
        first.use_data([data])
    with pytest.raises(UsageError, match="swaps=0, not 9"), Run(recipe.model_copy(update={"swaps": 9}), resume=True):
        pass
    data.write_text("{}\n{}\n", encoding="utf-8")
    with Run(recipe, resume=True) as again, pytest.raises(UsageError, match=r"rows\.jsonl"):
        again.use_data([data])


def test_two_runs_cannot_share_a_folder(recipe: GroundingRecipe) -> None:
    with Run(recipe), pytest.raises(BusyError, match="at work"), Run(recipe, resume=True):
        pass


def test_checkpoints_describe_themselves_and_the_log_is_cut_back(recipe: GroundingRecipe) -> None:
    with Run(recipe, keep=1) as first:
        for step in range(1, 6):
            first.log("step", step=step, loss=1.0 / step)
            if step in (2, 4):
                first.checkpoint(step, lambda folder: (folder / "weights").touch(), seen=10 * step)
    assert [path.name for path in first.checkpoints.iterdir()] == ["step-4"]
    (first.checkpoints / ".step-5.part").mkdir()  # a kill while it was written
    with Run(recipe, resume=True) as again:
        found = again.last_checkpoint()
        assert found is not None
        assert (found[1], found[2]) == (4, {"seen": 40})
        assert [line["step"] for line in again.events("step")] == [1, 2, 3, 4]
    about = json.loads((found[0] / "checkpoint.json").read_text(encoding="utf-8"))
    assert about["recipe"]["rows"] == ROWS
    assert "numpy" in about["packages"]


def test_a_run_asked_to_stop_saves_first(recipe: GroundingRecipe) -> None:
    saved: list[int] = []
    with Run(recipe) as going:
        going.stop_if_asked(1, lambda: saved.append(1))
        going.stop.set()
        with pytest.raises(Cancelled):
            going.stop_if_asked(2, lambda: saved.append(2))
    assert saved == [2]


def test_the_command_registers_a_candidate(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = []
    for n in range(120):
        source = f"The house on hill {n} was painted green by the mayor. It has {n + 3} rooms and a large cellar."
        rows.append({"source": source, "response": "The mayor painted the house green.", "label": "0"})
        rows.append({"source": source, "response": "Bananas sing loudly every morning.", "label": "1"})
    for name, lines in {"made": rows, "squad_train": [{"context": row["source"]} for row in rows]}.items():
        with gzip.open(tmp_path / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
    monkeypatch.setenv("CROSSROADS_DATA", str(tmp_path))
    sets = [f"--set={item}" for item in ("name=tiny", "rows={made: 240}", "swaps=0")]
    assert run(["train", "grounding", *sets, f"--set=out={tmp_path / 'run'}", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    stored = Registry(home / "models").show("tiny")
    assert printed == stored.model_dump(mode="json")
    assert stored.state == "candidate"
    assert stored.metrics["balanced_accuracy"] == 100.0
    assert stored.data_sha256
    assert {"model.json", "metrics.json", "training.json"} == set(stored.files)


def test_the_command_prints_an_error_with_its_cure(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "nothing-like-it", "--json"]) == 2
    assert "nothing-like-it" in json.loads(capsys.readouterr().out)["error"]["message"]
