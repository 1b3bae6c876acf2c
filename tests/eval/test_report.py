"""A run as one HTML file."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from assistant.cli.main import run
from eval.record import MetricValue
from eval.report.page import write_report
from eval.report.plots import PAD, WIDTH, interval_plot, metric_table
from eval.report.samples import differences, marked
from eval.report.slices import length_of, slices
from eval.sample import Sample
from graphs.answer import SentenceSupport
from tests.eval.runs import failed_record, sample_record, write_made_run


@pytest.fixture
def page(tmp_path: Path) -> str:
    records = [sample_record(n, n / 4, path="rag" if n % 2 else "zero_shot", source=f"doc{n % 2}.md") for n in range(4)]
    folder = write_made_run(tmp_path / "now", [*records, failed_record(9)])
    return write_report(folder).read_text(encoding="utf-8")


def test_a_report_loads_nothing_from_anywhere(page: str) -> None:
    assert re.findall(r'(?:src|href)="|url\(|@import|<script', page) == []


def test_every_metric_has_a_plot_of_its_interval(page: str) -> None:
    assert 'aria-label="f1: 0.300, interval 0.100 to 0.500"' in page


def test_slices_by_path_and_document_are_there(page: str) -> None:
    assert "<h3>By path</h3>" in page
    assert "<h3>By document</h3>" in page
    assert "<td>doc1.md</td>" in page


def test_the_failed_sample_is_the_worst_and_says_why(page: str) -> None:
    worst = page.split("<h2>Worst samples</h2>")[1]
    assert worst.index("The model took too long.") < worst.index("It is made of cheese.")


def test_unsupported_sentences_are_marked_and_supported_ones_are_not() -> None:
    text = "<b>One</b>. Two."
    sentences = [
        SentenceSupport(text=text[:11], start=0, end=11, score=0.9, supported=True),
        SentenceSupport(text="Two.", start=12, end=16, score=0.1, supported=False),
    ]
    assert marked(text, sentences) == '&lt;b&gt;One&lt;/b&gt;. <span class="weak">Two.</span>'


def test_offsets_that_do_not_fit_the_text_mark_nothing() -> None:
    wrong = SentenceSupport(text="x", start=5, end=99, score=0.0, supported=False)
    assert marked("short", [wrong]) == "short"


def test_what_samples_contain_is_escaped(tmp_path: Path) -> None:
    record = sample_record(1, 0.0, text="<script>alert(1)</script>. <img src=x>.")
    page = write_report(write_made_run(tmp_path / "evil", [record])).read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<img" not in page


def test_two_runs_are_compared_sample_by_sample(tmp_path: Path) -> None:
    old = [sample_record(1, 0.5), sample_record(2, 1.0, text="It is tall."), sample_record(3, 0.5)]
    new = [sample_record(1, 0.5), sample_record(2, 0.0, text="It is small."), sample_record(3, 1.0)]
    found = differences(old, new)
    assert [(pair.after.sample.id, pair.change) for pair in found] == [("s2", -1.0), ("s3", 0.5)]
    before = write_made_run(tmp_path / "old", old)
    page = write_report(write_made_run(tmp_path / "new", new), baseline=before).read_text(encoding="utf-8")
    assert "1 samples came out better, 1 worse, 0 only otherwise worded." in page
    assert "<del>tall.</del>" in page
    assert "<ins>small.</ins>" in page


def test_a_sample_that_fails_now_is_worse_than_before() -> None:
    assert differences([sample_record(1, 0.0)], [failed_record(1)])[0].change < 0


def test_the_interval_is_drawn_to_scale() -> None:
    plot = interval_plot("m", MetricValue(value=0.5, low=0.0, high=1.0, n=3))
    assert f'x1="{PAD:.1f}" x2="{WIDTH - PAD:.1f}"' in plot.replace(f'"{PAD}"', f'"{PAD:.1f}"')
    assert f'cx="{WIDTH / 2}"' in plot


def test_slices_are_counted_by_length() -> None:
    record = sample_record(1, 1.0)
    long = record.model_copy(update={"sample": Sample(id="l", input="word " * 20)})
    assert {name: len(each) for name, each in slices([record, long, long], length_of).items()} == {
        "up to 32 words": 2,
        "up to 8 words": 1,
    }
    assert length_of(record) == "up to 8 words"


def test_a_figure_the_other_run_has_not_leaves_its_cell_empty() -> None:
    value = MetricValue(value=0.5, low=0.4, high=0.6, n=9)
    rows = metric_table({"old": value, "new": value}, {"old": value}).split("<tr ")[1:]
    assert [row.count("<td") for row in rows] == [7, 7]


def test_slices_are_also_by_what_the_suite_names(tmp_path: Path) -> None:
    records = [sample_record(number, 1.0, shelf="upper" if number % 2 else "lower") for number in range(5)]
    records.append(sample_record(9, 0.0, shelf="attic"))
    plain = write_report(write_made_run(tmp_path / "a", records)).read_text("utf-8")
    named = write_made_run(tmp_path / "b", records, definition={"slices": ["shelf"]})
    assert "By shelf" not in plain
    found = write_report(named).read_text("utf-8")
    assert "By shelf" in found
    assert "<td>upper</td>" in found
    assert "<td>attic</td>" not in found  # one sample is no slice
    assert "1 smaller slices are not shown" in found


def test_what_a_refusal_dropped_and_what_the_model_had_written_are_shown(tmp_path: Path) -> None:
    record = sample_record(1, 0.0)
    answer = record.output.answer
    assert answer is not None
    dropped = [item.model_copy(update={"kept": False, "why": "says nothing of it"}) for item in answer.evidence]
    refused = answer.model_copy(update={"evidence": dropped, "abstained": True})
    output = record.output.model_copy(update={"answer": refused, "draft": "It is <made> of stone."})
    page = write_report(write_made_run(tmp_path, [record.model_copy(update={"output": output})])).read_text("utf-8")
    assert "The tower (dropped: says nothing of it)" in page
    assert "It is &lt;made&gt; of stone." in page


def test_the_judges_agreement_stands_beside_its_scores(tmp_path: Path) -> None:
    judge = {"judge": "fake:judge", "metrics": {"agreement": {"value": 0.71, "low": 0.6, "high": 0.8, "n": 90}}}
    folder = write_made_run(tmp_path / "now", [sample_record(1, 1.0)], judge="fake:judge")
    assert "fake:judge agreed with people in 71% of 90 pairs" in write_report(folder, judge=judge).read_text("utf-8")
    assert "agrees with people is not known" in write_report(folder).read_text("utf-8")
    other = write_made_run(tmp_path / "other", [sample_record(1, 1.0)])  # no model judged there
    assert "judge" not in write_report(other, judge=judge).read_text("utf-8")


def test_the_command_writes_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_made_run(tmp_path / "now", [sample_record(1, 1.0)])
    assert run(["eval", "report", str(folder), "--out", str(tmp_path / "r.html"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["report"] == str(tmp_path / "r.html")


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    assert run(["eval", "report", str(tmp_path)]) == 2


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_figures_go_to_tensorboard_and_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboard")
    mlflow = pytest.importorskip("mlflow")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = write_made_run(tmp_path / "now", [sample_record(1, 1.0)])
    place = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    assert run(["eval", "track", str(folder), "--tensorboard", str(tmp_path / "logs"), "--mlflow", place]) == 0
    events = EventAccumulator(str(tmp_path / "logs" / "now"))
    events.Reload()
    assert "f1" in events.Tags()["tensors"] + events.Tags()["scalars"]
    (found,) = mlflow.search_runs(search_all_experiments=True, output_format="list")
    assert found.data.metrics["f1"] == 1.0
