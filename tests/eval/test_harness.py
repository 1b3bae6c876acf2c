"""lm-eval on our models and on the assistant: the same figures as its own command gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assistant.cli.main import run
from eval.harness import HarnessOptions, asked_model, local_tasks, run_tasks
from graphs.errors import ModelError, NotFoundError, UsageError
from tests.assistant.tiny_models import tiny_folder

CHOICES = [
    {"question": "What is wet?", "choices": ["water", "sand", "dust"], "gold": 0},
    {"question": "What is hot?", "choices": ["ice", "fire", "snow"], "gold": 1},
    {"question": "What flies?", "choices": ["a stone", "a wall", "a bird"], "gold": 2},
    {"question": "What swims?", "choices": ["a fish", "a tree", "a house"], "gold": 0},
]
TASK = """
task: here_{name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {rows}
test_split: test
doc_to_text: "Question: {{{{question}}}}\\nAnswer:"
"""
MULTIPLE = 'output_type: multiple_choice\ndoc_to_choice: "{{choices}}"\ndoc_to_target: gold\n'
MULTIPLE += "metric_list:\n  - metric: acc\n  - metric: acc_norm\n"
WRITTEN = 'output_type: generate_until\ndoc_to_target: "{{choices[gold]}}"\n'
WRITTEN += 'generation_kwargs:\n  until: ["\\n"]\n  max_gen_toks: 8\nmetric_list:\n  - metric: exact_match\n'


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    rows = folder / "rows.jsonl"
    rows.write_text("".join(json.dumps(row) + "\n" for row in CHOICES), encoding="utf-8")
    for name, rest in (("choice", MULTIPLE), ("written", WRITTEN)):
        (folder / f"{name}.yaml").write_text(TASK.format(name=name, rows=rows) + rest, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder(tmp_path_factory.mktemp("tiny"))


def without_lm_evals_own(patch: pytest.MonkeyPatch) -> None:
    """lm-eval reads thousands of task files of its own for half a minute; here it knows none of them."""
    from lm_eval.tasks import TaskManager

    original = TaskManager.__init__
    patch.setattr(
        TaskManager,
        "__init__",
        lambda self, *args, **named: original(self, *args, **{**named, "include_defaults": False}),
    )


def test_a_local_model_gets_the_figures_of_lm_evals_own_command(
    folder: Path,
    tasks: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from lm_eval.__main__ import cli_evaluate

    without_lm_evals_own(monkeypatch)
    with pytest.MonkeyPatch.context() as patch:
        line = f"lm_eval run --model hf --model_args pretrained={folder},dtype=float32 --tasks here_choice,here_written"
        line += f" --device cpu --include_path {tasks} --output_path {tmp_path}"
        patch.setattr("sys.argv", line.split())
        cli_evaluate()
    theirs = json.loads(next(tmp_path.rglob("results_*.json")).read_text(encoding="utf-8"))["results"]
    capsys.readouterr()
    names = "here_choice,here_written"
    assert run(["eval", "lm-eval", f"hf:{folder}", "--tasks", names, "--include", str(tasks), "--json"]) == 0
    ours = json.loads(capsys.readouterr().out)["tasks"]
    assert ours["here_choice"]["metrics"]["acc"]["value"] == theirs["here_choice"]["acc,none"]
    assert ours["here_choice"]["metrics"]["acc_norm"]["value"] == theirs["here_choice"]["acc_norm,none"]
    assert ours["here_written"]["metrics"]["exact_match"]["value"] == theirs["here_written"]["exact_match,none"]
    spread = ours["here_choice"]["metrics"]["acc"]["high"] - ours["here_choice"]["metrics"]["acc"]["value"]
    assert spread == pytest.approx(1.959964 * theirs["here_choice"]["acc_stderr,none"])


def test_whoever_can_be_asked_is_a_model(tasks: Path) -> None:
    answers = {"What is wet?": "water", "What is hot?": "\nfire\nand more", "What flies?": "a wall"}

    def ask(messages: list[dict[str, str]], most: int) -> str:
        question = messages[-1]["content"].split("Question: ")[1].split("\n")[0]
        if question not in answers:
            raise ModelError("The model is gone.", "Start it.")
        assert most == 8
        return answers[question]

    model = asked_model(ask, "asked")
    found = run_tasks(model, HarnessOptions(("here_written",), (tasks,)))["tasks"]["here_written"]
    assert (found["n"], len(model.failures)) == (4, 1)
    assert found["metrics"]["exact_match"]["value"] == 0.5


def test_messages_reach_who_is_asked_as_messages(tasks: Path) -> None:
    seen: list[list[dict[str, str]]] = []

    def ask(messages: list[dict[str, str]], most: int) -> str:
        seen.append(messages)
        return "nothing"

    options = HarnessOptions(("here_written",), (tasks,), limit=1, num_fewshot=1, chat_template=True)
    run_tasks(asked_model(ask, "asked"), options)
    assert [message["role"] for message in seen[0]] == ["user", "assistant", "user"]


def test_a_task_that_needs_probabilities_is_refused_for_an_assistant(tasks: Path) -> None:
    with pytest.raises(UsageError, match="not probabilities"):
        run_tasks(asked_model(lambda *_: "", "asked"), HarnessOptions(("here_choice",), (tasks,)))


def test_an_unknown_task_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    without_lm_evals_own(monkeypatch)
    with pytest.raises(NotFoundError, match="no_such_task"):
        run_tasks(asked_model(lambda *_: "", "asked"), HarnessOptions(("no_such_task",)))


def test_the_assistant_answers_a_task(tasks: Path, capsys: pytest.CaptureFixture[str], home: Path) -> None:
    from tests.assistant.home_fakes import open_fake

    with open_fake(home) as assistant, pytest.MonkeyPatch.context() as patch:
        patch.setattr("assistant.app.open_assistant", lambda settings, progress=None: assistant)
        code = run(["eval", "lm-eval", "assistant", "--tasks", "here_written", "--include", str(tasks), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert code == 0
    assert found["tasks"]["here_written"]["n"] == len(CHOICES)


@pytest.mark.parametrize("name", [name for name in local_tasks() if "truthful" not in name])
def test_a_shipped_task_reads_its_public_rows(name: str, data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSROADS_DATA", str(data_folder))
    task = task_of(name)
    doc = task.test_docs()[0]
    if task.OUTPUT_TYPE == "loglikelihood_rolling":
        assert "@-@" not in task.doc_to_target(doc)
    elif task.OUTPUT_TYPE == "multiple_choice":
        assert len(task.doc_to_choice(doc)) >= 2
        assert all(choice.strip() for choice in task.doc_to_choice(doc))
    else:
        assert str(task.doc_to_text(doc)).strip()
        assert task.doc_to_target(doc)


@pytest.mark.parametrize("name", [name for name in local_tasks() if "truthful" in name])
def test_a_task_over_our_own_rows_needs_no_data(name: str) -> None:
    docs = task_of(name).test_docs()
    assert len(docs) == 20
    assert all(row["mc1_targets"]["labels"][0] == 1 for row in docs)


def task_of(name: str) -> Any:
    from lm_eval.tasks import TaskManager

    from eval.harness import TASKS

    return TaskManager(include_path=str(TASKS), include_defaults=False).load(name)["tasks"][name]
