"""A run's figures in TensorBoard or MLflow, for those who keep all their experiments there."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from eval.record import RunRecord, read_run
from graphs.errors import ModelError, StorageError


def to_tensorboard(run: Path, folder: Path) -> str:
    """Write every metric with its bounds as scalars below the run's name; the folder. Raises `ModelError`."""
    record = read_run(run)
    try:
        writer_class: Any = importlib.import_module("tensorboard.summary").Writer
    except ImportError as error:
        raise _no_package("tensorboard") from error
    place = folder / record.run_id
    writer = writer_class(str(place))
    for name, value in _numbers(record).items():
        writer.add_scalar(name, value, step=0)
    writer.close()
    return str(place)


def to_mlflow(run: Path, address: str) -> str:
    """Write metrics, settings and the record as an MLflow run in an experiment named after the suite; its id.

    A folder becomes a `file:` store. Raises `ModelError`, and `StorageError` where the address does not take it.
    """
    record = read_run(run)
    try:
        mlflow: Any = importlib.import_module("mlflow")
    except ImportError as error:
        raise _no_package("mlflow-skinny") from error
    place = address if "://" in address or address.startswith("sqlite:") else Path(address).resolve().as_uri()
    try:
        mlflow.set_tracking_uri(place)
        mlflow.set_experiment(record.suite)
        with mlflow.start_run(run_name=record.run_id) as started:
            mlflow.log_metrics(_numbers(record))
            mlflow.log_params({"seed": record.seed, "n": record.n, "target": str(record.target.get("name", ""))[:500]})
            mlflow.log_dict(record.model_dump(mode="json"), "run.json")
            return str(started.info.run_id)
    except Exception as error:  # its own errors, and those of whatever carries them
        raise StorageError(f"MLflow at {address!r} did not take the run: {error}.", "Check the address.") from error


def _numbers(record: RunRecord) -> dict[str, float]:
    numbers: dict[str, float] = {"seconds": record.seconds, "failed": float(record.failed), "cost_usd": record.cost_usd}
    for name, metric in record.metrics.items():
        key = "".join(letter if letter.isalnum() or letter in "_-./ " else "_" for letter in name)
        ends = {key: metric.value, f"{key}/low": metric.low, f"{key}/high": metric.high}
        numbers |= {end: float(value) for end, value in ends.items() if value is not None}
    return numbers


def _no_package(name: str) -> ModelError:
    cure = "Install it: pip install 'crossroads-assistant[track]'."
    return ModelError(f"The package {name} is not there.", cure)
