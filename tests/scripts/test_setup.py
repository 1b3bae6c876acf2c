"""Set-up: what it plans, what it remembers, and that it neither hangs nor hides a failure."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.bootstrap import assets, installer, packages, state
from scripts.bootstrap.console import Console, clock, size
from scripts.bootstrap.errors import SetupError
from scripts.bootstrap.jobs import Jobs

ROOT = Path(__file__).resolve().parents[2]

DRY_RUN = """Resolved 150 packages in 2.34s
Would download 2 packages
Would install 3 packages
 + numpy==2.4.0
 + crossroads-assistant @ file:///somewhere
 + Some_Small.package==1.0
"""


def test_the_plan_weighs_what_has_to_be_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "sizes", lambda: {"numpy": 17_000_000})
    assert packages.read_plan(DRY_RUN) == packages.Plan(("numpy", "some-small-package"), 1, 17_000_000)


def test_a_plan_with_nothing_to_fetch_weighs_nothing() -> None:
    said = "Resolved 2 packages in 1ms\nWould install 1 package\n + numpy==2.4.0\n"
    assert packages.read_plan(said).bytes == 0


def test_a_plan_with_nothing_to_do_is_empty() -> None:
    assert packages.read_plan("Resolved 150 packages in 1ms\nWould make no changes\n").packages == ()


def test_every_package_of_the_lock_that_linux_needs_has_a_size() -> None:
    weighed = packages.sizes()
    heavy = ("torch", "nvidia-cublas", "triton", "openvino", "openvino-genai", "gradio", "transformers", "numpy")
    assert [name for name in heavy if weighed.get(name, 0) < 1_000_000] == []


def test_the_locked_version_is_found() -> None:
    assert packages.locked("torch").startswith("torch==2.")


def test_a_package_the_lock_lacks_is_named() -> None:
    with pytest.raises(SetupError, match="no-such-package"):
        packages.locked("no-such-package")


def test_the_install_is_held_to_the_lock() -> None:
    command = packages.install_command(["uv"], {"dev"}, packages.TorchChoice("cpu", "no GPU"))
    assert command[command.index("-c") + 1] == str(ROOT / "requirements.lock")
    assert command[command.index("--torch-backend") + 1] == "cpu"
    assert f"{ROOT}[dev]" in command


def test_no_registry_is_named() -> None:
    commands = [
        packages.install_command(["uv"], {"dev"}, packages.TorchChoice("", "")),
        packages.early_command(["uv"]),
    ]
    assert [part for command in commands for part in command if "://" in part] == []


@pytest.mark.parametrize("present", ["2.13.0+cpu", "2.13.0"])
def test_the_torch_that_is_installed_is_kept(present: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "has_gpu", lambda: False)
    monkeypatch.setattr(packages, "torch_installed", lambda: present)
    monkeypatch.setattr(sys, "platform", "linux")
    choice = packages.choose_torch(["no-such-uv"])
    assert choice.backend == ("cpu" if present.endswith("+cpu") else "")
    assert "installed already" in choice.why


def test_a_gpu_gets_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "has_gpu", lambda: True)
    monkeypatch.setattr(sys, "platform", "linux")
    assert "GPU" in packages.choose_torch(["no-such-uv"]).why


@pytest.mark.parametrize(("answers", "backend"), [(True, "cpu"), (False, "")])
def test_without_a_gpu_the_cpu_build_is_taken_where_it_can_be_had(
    answers: bool, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "has_gpu", lambda: False)
    monkeypatch.setattr(packages, "torch_installed", lambda: "")
    monkeypatch.setattr(packages, "_cpu_build_answers", lambda _: answers)
    monkeypatch.setattr(sys, "platform", "linux")
    assert packages.choose_torch(["uv"]).backend == backend


def test_an_unusable_uv_has_no_version() -> None:
    assert installer.version_of(["no-such-program"]) is None


def test_a_machine_without_pip_and_ensurepip_gets_a_cure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(installer, "find_uv", lambda: None)
    monkeypatch.setattr(installer, "PRIVATE", tmp_path)
    monkeypatch.setattr(installer, "_run", lambda _: "No module named pip")
    with pytest.raises(SetupError, match="python3-venv"):
        installer.get_uv(Console(io.StringIO()))


def test_the_models_are_described_before_anything_is_installed() -> None:
    code = "import sys; sys.path.insert(0, 'scripts'); from bootstrap import assets; print(assets.describe_models())"
    environment = {"PATH": os.environ["PATH"], "CROSSROADS_CACHE": "/nowhere"}
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "SmolLM2" in done.stdout


def test_a_model_that_is_there_is_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSROADS_CACHE", str(tmp_path))
    _, everything = assets.describe_models()
    folder = tmp_path / "models" / "smollm2-135m-instruct"
    folder.mkdir(parents=True)
    (folder / "SmolLM2-135M-Instruct.Q4_1.gguf").touch()
    words, rest = assets.describe_models()
    assert 0 < rest < everything
    assert "SmolLM2-135M there" in words


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like a set-up clone to the stamp."""
    site = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    (site / "numpy-2.4.0.dist-info").mkdir(parents=True)
    (tmp_path / ".venv" / "bin").mkdir()
    (tmp_path / ".venv" / "bin" / "python").touch()
    (tmp_path / ".setup").mkdir()
    (tmp_path / "model").write_text("weights", encoding="utf-8")
    (tmp_path / "requirements.lock").write_text("numpy==2.4.0\n", encoding="utf-8")
    monkeypatch.setattr(state, "ROOT", tmp_path)
    monkeypatch.setattr(state, "ENVIRONMENT", tmp_path / ".venv")
    monkeypatch.setattr(state, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    monkeypatch.setattr(state, "LOCK", tmp_path / "requirements.lock")
    monkeypatch.setattr(state, "PRIVATE", tmp_path / ".setup")
    monkeypatch.setattr(state, "STAMP", tmp_path / ".setup" / "ready.json")
    state.write_stamp({"providers", "dev"}, [tmp_path / "model"])
    return tmp_path


def test_a_finished_set_up_is_ready(clone: Path) -> None:
    assert state.is_ready({"providers"})


def test_a_wider_goal_is_not_ready(clone: Path) -> None:
    assert not state.is_ready({"providers", "bench"})


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml", "crossroads.toml", ".env"])
def test_a_changed_file_asks_for_set_up_again(clone: Path, changed: str) -> None:
    (clone / changed).write_text("changed", encoding="utf-8")
    assert not state.is_ready({"providers"})


def test_a_package_that_was_removed_asks_for_set_up_again(clone: Path) -> None:
    next(clone.glob(".venv/lib/*/site-packages/*.dist-info")).rmdir()
    assert not state.is_ready({"providers"})


def test_a_model_that_was_cut_short_asks_for_set_up_again(clone: Path) -> None:
    (clone / "model").write_text("weigh", encoding="utf-8")
    assert not state.is_ready({"providers"})


def test_another_cache_asks_for_set_up_again(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSROADS_CACHE", "/elsewhere")
    assert not state.is_ready({"providers"})


def test_a_broken_stamp_asks_for_set_up_again(clone: Path) -> None:
    (clone / ".setup" / "ready.json").write_text("{", encoding="utf-8")
    assert not state.is_ready({"providers"})


def test_earlier_extras_are_kept(clone: Path) -> None:
    assert state.installed_extras() == {"providers", "dev"}


def run(jobs: Jobs, code: str) -> list[str]:
    """Run a line of Python as a job; what it wrote."""
    lines: list[str] = []
    job = jobs.start("job", [sys.executable, "-c", code], lines.append)
    jobs.wait(job)
    assert job.code == 0
    return lines


def test_a_jobs_lines_are_passed_on() -> None:
    assert run(Jobs(Console(io.StringIO()), os.environ), "print('one'); print(); print('two')") == ["one", "two"]


def test_stopping_ends_what_a_job_has_started() -> None:
    jobs = Jobs(Console(io.StringIO()), os.environ)
    inner = "import subprocess, sys; p = subprocess.Popen(['sleep', '600']); print(p.pid, flush=True); p.wait()"
    lines: list[str] = []
    jobs.start("job", [sys.executable, "-c", inner], lines.append)
    deadline = time.monotonic() + 30
    while not lines and time.monotonic() < deadline:
        time.sleep(0.01)
    jobs.stop()
    child = Path(f"/proc/{lines[0]}/stat")
    deadline = time.monotonic() + 30
    while child.exists() and child.read_text().split(") ")[1][0] != "Z" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not child.exists() or child.read_text().split(") ")[1][0] == "Z"


def test_a_failed_step_gives_its_reason() -> None:
    said = json.dumps({"error": "It broke.", "cure": "Mend it."})
    jobs = Jobs(Console(io.StringIO()), os.environ)
    job = jobs.start("job", [sys.executable, "-c", "raise SystemExit(1)"], lambda _: None)
    jobs.wait(job)
    fetch = assets.Fetch(job, "job")
    assets._take(fetch, said, jobs.console)
    assert not fetch.ok
    assert fetch.reason() == "It broke. Mend it."


def test_a_step_that_crashed_gives_its_last_line() -> None:
    jobs = Jobs(Console(io.StringIO()), os.environ)
    job = jobs.start("job", [sys.executable, "-c", "raise ValueError('odd')"], lambda _: None)
    jobs.wait(job)
    assert assets.Fetch(job, "job").reason() == "ValueError: odd"


def test_a_log_is_never_rewritten() -> None:
    out = io.StringIO()
    console = Console(out)
    console.begin("models")
    console.status("models", "10 of 93 MB")
    console.line("a line")
    console.end("models", "all there", 65)
    assert out.getvalue() == "a line\n  models    all there (1:05)\n"


def test_a_terminal_shows_what_runs() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    console = Console(out)
    console.begin("models")
    console.status("models", "10 of 93 MB")
    assert "models 0:00 10 of 93 MB" in out.getvalue().split("\r")[-1]


@pytest.mark.parametrize(("count", "text"), [(0, "0 MB"), (400_000, "1 MB"), (93_000_000, "93 MB"), (2.73e9, "2.7 GB")])
def test_sizes_are_read_as_people_do(count: float, text: str) -> None:
    assert size(count) == text


def test_a_clock_has_minutes() -> None:
    assert clock(605) == "10:05"


def test_an_unknown_goal_is_wrong_usage() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/setup.py", "dance"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "'dance'" in done.stdout) == (2, True)


def test_a_job_that_is_over_is_not_mentioned_again() -> None:
    out = io.StringIO()
    console = Console(out)
    console.begin("models")
    console.rest("models")
    console._mentioned["models"] -= 1000
    console.tick()
    assert out.getvalue() == ""


def test_a_job_that_takes_long_is_mentioned() -> None:
    out = io.StringIO()
    console = Console(out)
    console.begin("models")
    console._mentioned["models"] -= 1000
    console.tick()
    assert "models" in out.getvalue()
