"""The samples of a run as a Parquet table: a column for each thing one filters by, and the whole record beside them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphs.errors import UsageError

if TYPE_CHECKING:
    from eval.record import SampleRecord

TABLE = "samples.parquet"
_WHOLE = "record"


def check_table() -> None:
    """Raise `UsageError` where no table can be written here."""
    from importlib.util import find_spec

    if find_spec("pyarrow") is None:
        cure = "Install the extra: pip install 'crossroads-assistant[train]', or keep samples as JSON Lines."
        raise UsageError("Samples as Parquet need the package pyarrow.", cure)


def write_table(folder: Path, records: Sequence[SampleRecord]) -> None:
    """Write the table, whole or not at all."""
    import pyarrow
    from pyarrow import parquet

    names = list(dict.fromkeys(name for record in records for name in record.scores))
    temporary = folder / (TABLE + ".new")
    parquet.write_table(pyarrow.Table.from_pylist([_row(record, names) for record in records]), temporary)
    os.replace(temporary, folder / TABLE)


def read_table(path: Path) -> list[str]:
    """Every record as JSON, in order. Raises `UsageError` where the table cannot be read."""
    check_table()
    import pyarrow
    from pyarrow import parquet

    try:
        found: list[str] = parquet.read_table(path, columns=[_WHOLE])[_WHOLE].to_pylist()
    except (OSError, KeyError, pyarrow.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"{str(path)!r} cannot be read: {reason}.", "Run the suite again.") from None
    return found


def _row(record: SampleRecord, names: Sequence[str]) -> dict[str, Any]:
    scores = {name: record.scores[name].value if name in record.scores else None for name in names}
    target = record.sample.target
    return {
        "id": record.sample.id,
        "repeat": record.repeat,
        "group": record.group,
        "input": record.sample.input,
        "target": [target] if isinstance(target, str) else target,
        "text": record.output.text,
        "path": record.output.route.path if record.output.route else None,
        "error": record.output.error["message"] if record.output.error else None,
        "seconds": record.output.seconds,
        **{f"score_{name}": value for name, value in scores.items()},
        _WHOLE: record.model_dump_json(),
    }
