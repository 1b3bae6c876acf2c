"""The files of docs/deploy: manifests that fit Kubernetes' schemas, and settings that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from assistant.config import Settings

DEPLOY = Path(__file__).parents[1] / "docs" / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))


def variables(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        inside: Any = field.annotation
        if isinstance(inside, type) and issubclass(inside, BaseModel):
            yield from variables(inside, f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}"


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_manifests_fit_the_schemas_of_kubernetes(path: Path) -> None:
    validator = pytest.importorskip("kubernetes_validate")
    resources = list(yaml.safe_load_all(path.read_text()))
    assert {"StatefulSet", "Service"} <= {one["kind"] for one in resources}
    for one in resources:
        validator.validate(one, "1.33", strict=True)


def test_every_setting_that_is_named_exists() -> None:
    known = set(variables(Settings, "CROSSROADS_"))
    files = [path for path in DEPLOY.rglob("*") if path.is_file()]
    assert len(files) >= 4
    for path in files:
        named = set(re.findall(r"\bCROSSROADS_[A-Z_]+\b", path.read_text()))
        assert named <= known, f"{path.name}: {named - known}"


def test_compose_asks_for_each_key_and_the_example_names_them() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    asked = set(re.findall(r"\$\{([A-Z_]+)", text))
    named = set(re.findall(r"^([A-Z_]+)=", (DEPLOY / "compose.env.example").read_text(), flags=re.M))
    assert asked == named
    services = yaml.safe_load(text)["services"]
    assert set(services) == {"assistant", "weaviate", "postgres", "models"}
    assert all(name in services for name in services["assistant"]["depends_on"])
