"""The registry of trained models."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from graphs.errors import NotFoundError, StorageError, UsageError
from training.registry import GateVerdict, ModelVersion, Registry, content_sha256

OVERRIDE = "a test"


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models")


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    folder = tmp_path / "trained"
    (folder / "sub").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "sub" / "weights.safetensors").write_bytes(b"abc")
    return folder


def a_version(**changes: object) -> ModelVersion:
    return ModelVersion(**{"name": "reader", "version": "", "kind": "grounding", **changes})


def test_added_is_a_candidate_with_every_file_hashed(registry: Registry, trained: Path) -> None:
    added = registry.add(trained, a_version())
    assert (added.version, added.state) == ("1", "candidate")
    assert set(added.files) == {"config.json", "sub/weights.safetensors"}
    assert added.files["sub/weights.safetensors"].startswith("ba7816bf")
    assert (registry.folder("reader", "1") / "sub" / "weights.safetensors").read_bytes() == b"abc"


def test_everything_recorded_comes_back(registry: Registry, trained: Path) -> None:
    given = a_version(
        base="local:x", data_sha256="d", recipe={"lr": 1e-4}, metrics={"f1": 0.5}, licence="MIT", parent="0"
    )
    added = registry.add(trained, given)
    assert registry.show("reader", "1") == added
    assert registry.show("reader").recipe == {"lr": 1e-4}


def test_versions_are_numbered_on(registry: Registry, trained: Path) -> None:
    assert [registry.add(trained, a_version()).version for _ in range(3)] == ["1", "2", "3"]


def test_the_same_version_again_changes_nothing_and_other_files_are_refused(registry: Registry, trained: Path) -> None:
    first = registry.add(trained, a_version(version="v1"))
    assert registry.add(trained, a_version(version="v1")) == first
    (trained / "config.json").write_text('{"a": 1}')
    with pytest.raises(UsageError, match="other files"):
        registry.add(trained, a_version(version="v1"))


def test_nothing_is_live_until_promoted(registry: Registry, trained: Path) -> None:
    registry.add(trained, a_version())
    assert registry.live("reader") is None
    assert registry.promote("reader", "1", OVERRIDE).state == "live"
    live = registry.live("reader")
    assert live is not None
    assert live.version == "1"


def test_promoting_retires_the_one_before(registry: Registry, trained: Path) -> None:
    for _ in range(2):
        registry.add(trained, a_version())
    registry.promote("reader", "1", OVERRIDE)
    registry.promote("reader", "2", OVERRIDE)
    assert [version.state for version in registry.list("reader")] == ["retired", "live"]


def test_without_a_passing_gate_a_version_goes_live_only_with_a_reason(registry: Registry, trained: Path) -> None:
    registry.add(trained, a_version())
    with pytest.raises(UsageError, match="gate"):
        registry.promote("reader", "1")
    registry.judge("reader", "1", GateVerdict(verdict="fail", reasons=["f1 fell"], run="r1"))
    with pytest.raises(UsageError, match="f1 fell"):
        registry.promote("reader", "1", "   ")
    assert registry.promote("reader", "1", "a demonstration").state == "live"
    assert [(step.verdict, step.override) for step in registry.history("reader")] == [("fail", "a demonstration")]


def test_the_gates_verdict_lets_a_version_go_live_and_is_kept(registry: Registry, trained: Path) -> None:
    for _ in range(2):
        registry.add(trained, a_version())
    registry.judge("reader", "1", GateVerdict(verdict="pass", run="runs/7"))
    assert registry.promote("reader", "1").gate is not None
    registry.promote("reader", "2", OVERRIDE)
    registry.rollback("reader")
    steps = [(step.version, step.run, step.override, step.rollback) for step in registry.history("reader")]
    assert steps == [("1", "runs/7", "", False), ("2", "", OVERRIDE, False), ("1", "", "", True)]
    assert registry.verify("reader", "1") == []


def test_equal_files_are_stored_once_and_swept_with_their_last_version(
    registry: Registry, trained: Path, tmp_path: Path
) -> None:
    for _ in range(2):
        registry.add(trained, a_version())
    stored = [path for path in (tmp_path / "models" / ".objects").rglob("*") if path.is_file()]
    assert sorted(path.name for path in stored) == sorted(registry.show("reader", "1").files.values())
    first, second = (registry.folder("reader", version) / "config.json" for version in "12")
    assert first.samefile(second)
    registry.remove("reader", "1")
    assert second.read_text() == "{}"
    registry.remove("reader", "2")
    assert not any(path.is_file() for path in (tmp_path / "models" / ".objects").rglob("*"))


def test_damage_to_a_stored_file_does_not_spread_to_new_versions(registry: Registry, trained: Path) -> None:
    registry.add(trained, a_version())
    stored = registry.folder("reader", "1") / "config.json"
    stored.chmod(0o644)
    stored.write_text("damaged")
    registry.add(trained, a_version())
    assert registry.verify("reader", "2") == []


def test_a_rollback_brings_the_earlier_one_back(registry: Registry, trained: Path) -> None:
    for _ in range(3):
        version = registry.add(trained, a_version()).version
        registry.promote("reader", version, OVERRIDE)
    assert registry.rollback("reader").version == "2"
    assert registry.rollback("reader").version == "1"
    assert [version.state for version in registry.list("reader")] == ["live", "retired", "retired"]
    with pytest.raises(UsageError, match="no earlier"):
        registry.rollback("reader")


def test_the_live_version_cannot_be_removed(registry: Registry, trained: Path) -> None:
    registry.add(trained, a_version())
    registry.promote("reader", "1", OVERRIDE)
    with pytest.raises(UsageError, match="live"):
        registry.remove("reader", "1")


def test_a_removed_version_is_gone_and_never_rolled_back_to(registry: Registry, trained: Path) -> None:
    for _ in range(2):
        registry.promote("reader", registry.add(trained, a_version()).version, OVERRIDE)
    registry.remove("reader", "1")
    with pytest.raises(NotFoundError):
        registry.show("reader", "1")
    with pytest.raises(UsageError):
        registry.rollback("reader")


def test_damage_is_found(registry: Registry, trained: Path) -> None:
    registry.add(trained, a_version())
    stored = registry.folder("reader", "1") / "config.json"
    stored.chmod(0o644)
    stored.write_text("damaged")
    assert registry.verify("reader", "1") == ["config.json"]


def test_what_a_crash_left_of_an_add_is_not_a_version(registry: Registry, trained: Path, tmp_path: Path) -> None:
    part = tmp_path / "models" / "reader" / ".1.part"
    part.mkdir(parents=True)
    (part / "version.json").write_text("{}")
    assert registry.names() == []
    assert registry.add(trained, a_version()).version == "1"
    assert not part.exists()


def test_a_crash_while_promoting_leaves_the_old_one_live(
    registry: Registry, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        registry.add(trained, a_version())
    registry.promote("reader", "1", OVERRIDE)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            registry.promote("reader", "2", OVERRIDE)
    live = registry.live("reader")
    assert live is not None
    assert live.version == "1"
    assert registry.promote("reader", "2", OVERRIDE).state == "live"


def test_a_damaged_record_is_named_with_its_cure(registry: Registry, trained: Path) -> None:
    registry.add(trained, a_version())
    (registry.folder("reader", "1") / "version.json").write_text("{not json")
    with pytest.raises(StorageError, match=r"version\.json"):
        registry.show("reader", "1")


@pytest.mark.parametrize("name", ["../up", "", "Big", "a/b", ".hidden", "x" * 65])
def test_names_that_could_leave_the_folder_are_refused(name: str, registry: Registry, trained: Path) -> None:
    with pytest.raises(UsageError):
        registry.add(trained, a_version(name=name))


def test_unknown_names_and_versions_list_what_there_is(registry: Registry, trained: Path) -> None:
    registry.add(trained, a_version())
    with pytest.raises(NotFoundError, match="reader"):
        registry.show("nonesuch")
    with pytest.raises(NotFoundError, match="'7'"):
        registry.show("reader", "7")


def test_one_hash_stands_for_all_files() -> None:
    assert content_sha256({"a": "1", "b": "2"}) == content_sha256({"b": "2", "a": "1"}) != content_sha256({"a": "1"})


def test_it_is_importable_without_torch() -> None:
    code = "import sys; import training.registry; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0
