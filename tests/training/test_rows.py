"""Sources of any kind as rows, and broken ones refused with file, row and cure before anything is loaded."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from assistant.cli.main import run
from graphs.errors import NotFoundError, UsageError
from training.data.rows import files_of, rows_of, text_of

ROWS = [{"id": "1", "text": "eins, zwei"}, {"id": "2", "text": "drei\nvier"}]


def write(path: Path) -> Path:
    """The rows in the format the file's name says."""
    if path.suffix == ".parquet":
        from pyarrow import Table, parquet

        parquet.write_table(Table.from_pylist(ROWS), path)
    elif path.suffix in {".csv", ".tsv"}:
        comma = "," if path.suffix == ".csv" else "\t"
        path.write_text(f'id{comma}text\n1{comma}"eins, zwei"\n2{comma}"drei\nvier"\n', encoding="utf-8-sig")
    else:
        data = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.csv", "a.tsv", "a.parquet"])
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    assert [row.values for row in rows_of([write(tmp_path / name)])] == ROWS


def test_a_folder_gives_its_files_in_order(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "b.md").write_text("zweite", encoding="utf-8")
    (tmp_path / "in" / "a.txt").write_text("erste", encoding="utf-8")
    (tmp_path / "in" / "c.png").write_bytes(b"\x89PNG")
    assert [row.values["text"] for row in rows_of([tmp_path / "in"])] == ["erste", "zweite"]
    assert [path.name for path in files_of([tmp_path / "in"])] == ["a.txt", "b.md"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", b'{"text": "fine"}\n{"text": "caf\xe9"}\n', r"row 2 is not UTF-8.*0xe9"),
        ("a.jsonl", b'{"text": "fine"}\n{"text": \n', r"row 2 is not JSON"),
        ("a.jsonl", b"[1, 2]\n", r"row 1 is no JSON object"),
        ("a.csv", b"id,text\n1,one\n2,two,three\n", r"row 2 has not as many columns"),
        ("a.csv", b"id,text\n1,one\n2\n", r"row 2 has not as many columns"),
        ("a.csv", b"id,text\n1,one\n2,caf\xe9\n", r"cannot be read.*UTF-8"),
        ("a.parquet", b"PAR1 no", r"cannot be read as Parquet"),
        ("a.txt", b"caf\xe9", r"not UTF-8"),
        ("a.docx", b"PK", r"unknown kind"),
    ],
)
def test_what_is_broken_is_refused_with_its_row(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UsageError, match=said) as raised:
        list(rows_of([path]))
    assert name in raised.value.message
    assert raised.value.cure


def test_a_missing_column_names_the_row_and_the_columns_there_are(tmp_path: Path) -> None:
    row = next(rows_of([write(tmp_path / "a.jsonl")]))
    with pytest.raises(UsageError, match=r"row 1 has no column 'body'.*id, text"):
        text_of(row, "body")


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": 7}\n', encoding="utf-8")
    with pytest.raises(UsageError, match=r"row 1: column 'text' holds int"):
        text_of(next(rows_of([tmp_path / "a.jsonl"])), "text")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(NotFoundError, match=r"nowhere\.jsonl"):
        list(rows_of(["nowhere.jsonl"]))


def test_sources_of_several_kinds_are_collected_in_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("erste", encoding="utf-8")
    sources = [str(tmp_path / "notes"), *(str(write(tmp_path / name)) for name in ("a.csv", "a.parquet"))]
    out = tmp_path / "new" / "texts.jsonl"
    assert run(["data", "collect", *sources, "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[sources[1]] == 2
    assert [row.values["text"] for row in rows_of([out])] == ["erste", *(row["text"] for row in ROWS * 2)]
    assert run(["data", "collect", *sources, "--out", str(out)]) == 2
    assert "is there already" in capsys.readouterr().err
