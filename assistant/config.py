"""Settings: `crossroads.toml`, then `.env`, then `CROSSROADS_…` variables, then flags. Unknown keys are refused."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from graphs.errors import SettingsError

PREFIX = "CROSSROADS_"
_OTHER_VARIABLES = {"DATA", "CONFIG", "CHROMIUM", "SCREENSHOTS"}  # read elsewhere, not settings

Sources = list[tuple[str, dict[str, Any]]]
"""What each source says, weakest first: its name for a person, and its values nested."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Models(_Section):
    """Which model plays which role, as `provider:model`."""

    chat: str = "local:smollm2-135m-instruct"
    tuned: str = ""
    judge: str = ""
    embedding: str = "local:all-minilm-l6-v2"
    grounding: str = ""
    fallback: str = ""
    """Answers when `chat` fails; its use is disclosed in the answer."""
    base_url: str = ""
    """Address of an OpenAI-compatible server for `openai:` models."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    engine: Literal["auto", "openvino", "transformers"] = "auto"
    """Which engine runs `local:` models; `auto` is the one `bench/engines.py` found best."""
    threads: int = Field(default=0, ge=0)
    """Threads of the local engine; 0 lets it choose."""
    timeout: float = Field(default=60.0, gt=0)
    """Seconds a remote model may take before it counts as timed out."""
    retries: int = Field(default=2, ge=0, le=10)
    usd_per_million_in: float = Field(default=0.0, ge=0)
    """What a paid chat model asks for a million prompt tokens; the cost under each answer is computed from it."""
    usd_per_million_out: float = Field(default=0.0, ge=0)


class Store(_Section):
    """Where chunks and their vectors live."""

    kind: Literal["auto", "weaviate", "chroma", "faiss", "pinecone"] = "auto"
    """`auto`: embedded Weaviate where its binary is there, else Chroma."""
    url: str = ""
    """Address of a Weaviate server or cluster; empty means an embedded one."""
    grpc_port: int = 50051
    api_key: str = ""
    timeout: float = Field(default=10.0, gt=0)
    """Seconds after which a store that does not answer counts as down."""
    linger: float = Field(default=600.0, ge=0)
    """Seconds an embedded Weaviate stays up after the last command that used it."""


class Knowledge(_Section):
    """How documents are split and searched."""

    collection: str = Field(default="documents", pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,62}$")
    chunk_tokens: int = Field(default=200, ge=32, le=510)
    chunk_overlap: int = Field(default=30, ge=0, le=200)
    context_tokens: int = Field(default=0, ge=0, le=500)
    """Tokens of the document that a passage is given on both sides when it is answered from."""
    passages: int = Field(default=8, ge=1, le=50)
    alpha: float = Field(default=0.2, ge=0, le=1)
    """Share of the vector search in the hybrid; 0 is BM25 alone."""
    diversity: float = Field(default=0.0, ge=0, lt=1)
    """Maximal marginal relevance: how much passages that say the same count less; 0 is off."""
    decompose: bool = False
    """Search a question of several parts part by part as well."""
    rewrite: bool = False
    """Leave small talk around a question out of the search."""
    reranker: str = ""
    """A cross-encoder that orders the best passages anew; empty is none."""
    max_file_mb: int = Field(default=100, ge=1)
    allow_private_urls: bool = False
    respect_robots: bool = True


class Answering(_Section):
    """How answers are made and checked."""

    prompt_passages: int = Field(default=3, ge=1, le=20)
    answer_tokens: int = Field(default=256, ge=16, le=8192)
    history_messages: int = Field(default=8, ge=0, le=100)
    history_tokens: int = Field(default=1000, ge=100)
    """About how long these may be together; what is earlier goes in as a summary, and that is told."""
    refuse: float = Field(default=0.5, ge=0, le=1)
    """From 0, rather answer, to 1, rather refuse."""
    effort: Literal["quick", "balanced", "thorough"] = "balanced"
    """How much an answer may take before the cheapest path that does well enough is taken."""
    examples: int = Field(default=8, ge=0, le=32)
    """How many worked examples a few-shot prompt has at most."""
    clarify: bool = True
    """Whether a question that fits several documents, which say different things, is asked back about."""
    repeats: int = Field(default=200, ge=0)
    """How many answers are kept in memory, to be given again to the same question while nothing has changed."""
    kept_runs: int = Field(default=200, ge=0)
    """How many turns are remembered step by step, for the page of a run and for replay."""
    max_question_chars: int = Field(default=20_000, ge=100)


class DatabaseSettings(_Section):
    """Where conversations, records and remembered facts are kept."""

    url: str = ""
    """`postgresql://USER:PASSWORD@HOST/DATABASE`; empty means SQLite files in the home."""


class BudgetSettings(_Section):
    """What one answer may take before it is given as far as it has come; 0 is without bound."""

    seconds: float = Field(default=0.0, ge=0)
    tokens: int = Field(default=0, ge=0)
    cost_usd: float = Field(default=0.0, ge=0)
    steps: int = Field(default=0, ge=0)


class TraceSettings(_Section):
    """Whether turns are passed on as OpenTelemetry traces."""

    to: Literal["off", "file", "otlp"] = "off"
    """`file` is HOME/traces.jsonl, `otlp` an OpenTelemetry collector."""
    endpoint: str = ""
    """Address of the collector; empty is OpenTelemetry's own default or environment variable."""
    text: bool = False
    """Whether prompts, documents and answers travel with them."""


class LogSettings(_Section):
    """What a running service writes down of turns and requests."""

    to: Literal["file", "stderr", "off"] = "file"
    """Where the log goes: HOME/logs/serve.jsonl, standard error, or nowhere. JSON, an object a line."""
    text: bool = False
    """Whether answers' texts are written too; without it the log holds no content."""


class ToolSettings(_Section):
    """Which tools there are. Those that act always ask for consent first."""

    web: bool = True
    """Whether a page may be fetched whose address the user wrote."""
    mcp_file: str = ""
    """A JSON file that lists MCP servers as other MCP clients do."""
    without: str = ""
    """Names of tools, and of entry points, to leave out, with commas between."""
    without_consent: str = ""
    """Names of MCP tools that only read, so that they run without asking, with commas between."""

    def names(self, listed: str) -> set[str]:
        """The names in such a list."""
        return {name.strip() for name in listed.split(",") if name.strip()}


class Grading(_Section):
    """How experts grade answers."""

    grader: str = Field(default="me", min_length=1, max_length=80)
    """Whose grades these are where nobody says otherwise."""
    rubric: str = ""
    """A YAML file of criteria; empty means the one that ships."""
    overlap: float = Field(default=0.2, ge=0, le=1)
    """Share of the answers that several graders are asked about, so that agreement can be measured."""
    overlap_graders: int = Field(default=2, ge=2, le=10)
    """How many graders such an answer gets."""
    gold_every: int = Field(default=10, ge=2)
    """One grade in so many is of an answer whose right grade the owner has fixed."""


class ImproveSettings(_Section):
    """How grades become a better model, and how that is tried in use."""

    name: str = Field(default="improved", pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    """What the registry calls the model; its live version answers in place of the chat model it was trained from."""
    suites: str = "smoke"
    """Suites no candidate may do worse on than what is live, with commas between."""
    held_out: float = Field(default=0.2, gt=0, lt=1)
    """Share of the graded questions that are never trained on, only judged by."""
    canary: float = Field(default=0.1, gt=0, le=0.5)
    """Share of the conversations a candidate answers while it is tried."""
    error: float = Field(default=0.05, gt=0, lt=0.5)
    """Chance that a model no worse than the one it is held against is ever halted."""


class PeopleSettings(_Section):
    """How people sign in. There are accounts once one was added, or single sign-on is set."""

    session_hours: float = Field(default=12.0, gt=0, le=24 * 365)
    """How long one stays signed in."""
    requests_per_minute: int = Field(default=600, ge=0)
    """What a token, or the key of `serve`, may ask for in a minute of each process; 0 is without bound."""
    oidc_issuer: str = ""
    """Address of an OpenID Connect provider, without `/.well-known/…`; empty is no single sign-on."""
    oidc_client_id: str = ""
    oidc_client_secret: str = ""
    oidc_role: Literal["", "user", "expert", "engineer"] = ""
    """What a newcomer of that provider becomes; empty lets in only people added here under their e-mail address."""


class Serve(_Section):
    """Where the UI and the HTTP API listen."""

    host: str = "127.0.0.1"
    port: int = Field(default=7860, ge=0, le=65535)
    api_key: str = ""
    """Asked of everyone while there are no accounts; whoever has it may do what an owner may."""


class Settings(_Section):
    """Everything a person can set. One section per concern."""

    home: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("crossroads", appauthor=False)))
    cache: Path = Field(default_factory=lambda: Path(platformdirs.user_cache_dir("crossroads", appauthor=False)))
    models: Models = Models()
    store: Store = Store()
    knowledge: Knowledge = Knowledge()
    answering: Answering = Answering()
    tools: ToolSettings = ToolSettings()
    database: DatabaseSettings = DatabaseSettings()
    budget: BudgetSettings = BudgetSettings()
    traces: TraceSettings = TraceSettings()
    logs: LogSettings = LogSettings()
    grading: Grading = Grading()
    improve: ImproveSettings = ImproveSettings()
    people: PeopleSettings = PeopleSettings()
    serve: Serve = Serve()

    @field_validator("home", "cache")
    @classmethod
    def _whole(cls, path: Path) -> Path:
        """`~` and relative paths mean the same wherever a later process is started."""
        return path.expanduser().absolute()


def load_settings(flags: Mapping[str, Any] | None = None) -> Settings:
    """Read every source once. `flags` maps dotted keys such as `serve.port` to values; None values are ignored.

    Raises `SettingsError` naming the source and the key when one is unknown or has a value that cannot be used.
    """
    sources = _sources(flags or {})
    merged: dict[str, Any] = {}
    for _, values in sources:
        _merge(merged, values)
    try:
        return Settings(**merged)
    except ValidationError as error:
        raise _explain(error, sources) from None


def _sources(flags: Mapping[str, Any]) -> Sources:
    dotenv = _dotenv()  # first: it may say where the file is
    path = _config_file()
    flagged: dict[str, Any] = {}
    for key, value in flags.items():
        if value is not None:
            _merge(flagged, _nest(key.split("."), value))
    return [
        (str(path), _read_toml(path) if path else {}),
        (".env", _from_variables(dotenv)),
        ("the environment", _from_variables(os.environ)),
        ("the flags", flagged),
    ]


def _config_file() -> Path | None:
    named = os.environ.get(f"{PREFIX}CONFIG")
    if named and not Path(named).is_file():
        raise SettingsError(f"CROSSROADS_CONFIG names {named!r}, which is not a file.", "Correct or unset it.")
    path = Path(named) if named else Path("crossroads.toml")
    return path if path.is_file() else None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsError(f"{path} cannot be read: {error}.", "Correct the file or move it away.") from None


def _dotenv() -> dict[str, str]:
    if not Path(".env").is_file():
        return {}
    from dotenv import dotenv_values

    try:
        values = {key: value for key, value in dotenv_values(".env", encoding="utf-8-sig").items() if value is not None}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f".env cannot be read: {error}.", "Correct the file or move it away.") from None
    others = {PREFIX + name for name in _OTHER_VARIABLES}
    for key, value in values.items():  # provider keys such as OPENAI_API_KEY are read by their libraries
        if value and (key in others or not key.startswith(PREFIX)):
            os.environ.setdefault(key, value)
    return {key: value for key, value in values.items() if key.startswith(PREFIX)}


def _from_variables(variables: Mapping[str, str]) -> dict[str, Any]:
    """`CROSSROADS_SERVE__PORT=80` and `CROSSROADS_HOME=…` as nested settings; empty values count as unset."""
    nested: dict[str, Any] = {}
    for name, value in variables.items():
        key = name.removeprefix(PREFIX)
        if key != name and value != "" and key not in _OTHER_VARIABLES:
            _merge(nested, _nest(key.lower().split("__"), value))
    return nested


def _nest(keys: list[str], value: Any) -> dict[str, Any]:
    nested: Any = value
    for key in reversed(keys):
        nested = {key: nested}
    return dict(nested)


def _merge(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        elif isinstance(value, Mapping):
            into[key] = {}
            _merge(into[key], value)  # a copy all the way down: sources are looked at again when one is wrong
        else:
            into[key] = value


def _explain(error: ValidationError, sources: Sources) -> SettingsError:
    first = error.errors()[0]
    parts = [str(part) for part in first["loc"]]
    key = ".".join(parts)
    source, spelled = _origin(parts, sources)
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, _known(), n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        return SettingsError(
            f"Unknown setting {spelled!r} in {source}.",
            f"{hint}Every key is explained in crossroads.toml; mend or remove it.",
        )
    return SettingsError(
        f"Setting {spelled!r} in {source} cannot be {first['input']!r}: {first['msg']}.",
        f"The key {key!r} is explained in crossroads.toml.",
    )


def _origin(parts: list[str], sources: Sources) -> tuple[str, str]:
    """The strongest source that sets a key, and how the key is spelled there."""
    for name, values in reversed(sources):
        at: Any = values
        for part in parts:
            at = at.get(part) if isinstance(at, dict) else None
        if at is not None:
            variable = PREFIX + "__".join(parts).upper()
            return name, variable if name in {".env", "the environment"} else ".".join(parts)
    return "the settings", ".".join(parts)


def _known() -> list[str]:
    """Every key there is, dotted, and the sections themselves."""
    keys = list(Settings.model_fields)
    for section, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, _Section):
            keys += [f"{section}.{key}" for key in field.annotation.model_fields]
    return keys
