"""Names of models: `provider:model`."""

from __future__ import annotations

from dataclasses import dataclass

from graphs.errors import UsageError

PROVIDERS: dict[str, str] = {
    "local": "a model of the catalogue or the registry, on this computer",
    "hf": "a Hugging Face folder or repository, on this computer",
    "openai": "OpenAI, or any OpenAI-compatible server when models.base_url is set",
    "azure_openai": "a deployment of Azure OpenAI",
    "anthropic": "Anthropic",
    "ollama": "an Ollama server",
    "fake": "no model at all: for tests and demonstrations",
}
"""Provider → what it is."""

ON_THIS_COMPUTER = frozenset({"local", "hf", "fake"})


@dataclass(frozen=True)
class ModelName:
    """A name taken apart."""

    provider: str
    model: str

    @property
    def full(self) -> str:
        """`provider:model`."""
        return f"{self.provider}:{self.model}"

    @property
    def local(self) -> bool:
        """Whether prompts stay on this computer, as far as the name tells."""
        return self.provider in ON_THIS_COMPUTER


def parse(name: str) -> ModelName:
    """Take `provider:model` apart. Raises `UsageError` naming the providers there are."""
    provider, colon, model = name.strip().partition(":")
    if not colon or not model.strip() or provider not in PROVIDERS:
        wrong = f"There is no provider {provider!r}" if colon and provider not in PROVIDERS else "A provider is missing"
        wrong = f"A model is missing behind {provider!r}" if provider in PROVIDERS and not model.strip() else wrong
        known = ", ".join(PROVIDERS)
        raise UsageError(f"{wrong} in the model name {name!r}.", f"Write provider:model; providers are {known}.")
    return ModelName(provider, model.strip())
