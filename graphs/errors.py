"""Errors a person can act on: each names the value at fault and the cure. Printed without a traceback."""

from __future__ import annotations


class CrossroadsError(Exception):
    """Base of every error shown to a person. `retryable` says whether waiting may help."""

    type = "error"
    retryable = False

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.message} {self.cure}".strip()

    def as_json(self) -> dict[str, dict[str, str]]:
        """The `error` object every command and endpoint returns."""
        return {"error": {"type": self.type, "message": self.message, "cure": self.cure}}


class UsageError(CrossroadsError):
    """The request itself is wrong: an empty message, an unknown thread, a bad flag. Exit code 2."""

    type = "usage"


class NotFoundError(UsageError):
    """A thread, document, collection or model of that name does not exist."""

    type = "not_found"


class SettingsError(CrossroadsError):
    """A setting is unknown or has a value that cannot be used."""

    type = "settings"


class ModelError(CrossroadsError):
    """A model could not be loaded or did not answer."""

    type = "model"


class MissingKeyError(ModelError):
    """A provider needs a key that is not set."""

    type = "missing_key"


class RefusedError(ModelError):
    """The provider refused the key or the request."""

    type = "refused"


class RateLimitedError(ModelError):
    """The provider asked us to slow down."""

    type = "rate_limited"
    retryable = True


class ModelTimeoutError(ModelError):
    """The provider did not answer in time or could not be reached."""

    type = "timeout"
    retryable = True


class TooLongError(ModelError):
    """The prompt does not fit the model's context."""

    type = "too_long"


class StoreError(CrossroadsError):
    """The vector store is out of reach or failed."""

    type = "store"
    retryable = True


class DocumentError(CrossroadsError):
    """A document cannot be read: corrupt, encrypted, empty, of an unknown kind."""

    type = "document"


class StorageError(CrossroadsError):
    """The home folder cannot be written: a full disk, missing rights."""

    type = "storage"


class TrainingError(CrossroadsError):
    """Training cannot go on: the loss is no number, memory does not suffice."""

    type = "training"


class BusyError(CrossroadsError):
    """Something else holds what is needed: a second `serve` on one home, for one."""

    type = "busy"


class Cancelled(Exception):  # noqa: N818  # not an error: what was done so far is kept
    """The user stopped the work."""
