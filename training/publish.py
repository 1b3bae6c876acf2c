"""A version to the Hugging Face hub, with its card: an option, never done unasked."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from graphs.errors import MissingKeyError, ModelError, RefusedError
from training.card import card
from training.registry import Registry


def push(registry: Registry, name: str, version: str, repository: str, *, endpoint: str = "", token: str = "") -> str:
    """Upload a version's files and its card to `repository`; the address of the commit.

    `endpoint` and `token` default to what `huggingface_hub` finds (HF_ENDPOINT, HF_TOKEN). Raises `MissingKeyError`,
    `RefusedError` or `ModelError` where the hub does not take it.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    record = registry.show(name, version)
    api = HfApi(endpoint=endpoint or None, token=token or None)
    with tempfile.TemporaryDirectory(prefix="crossroads-push-") as scratch:
        folder = Path(scratch) / "model"
        shutil.copytree(registry.folder(name, record.version), folder, ignore=shutil.ignore_patterns(".*"))
        (folder / "README.md").write_text(card(record), encoding="utf-8")
        try:
            api.create_repo(repository, exist_ok=True, private=True)
            commit = api.upload_folder(
                repo_id=repository, folder_path=folder, commit_message=f"{name} {record.version} from Crossroads"
            )
        except LocalTokenNotFoundError as error:
            raise MissingKeyError("The hub wants to know who you are.", "Set HF_TOKEN in the environment.") from error
        except HfHubHTTPError as error:
            code = error.response.status_code if error.response is not None else 0
            first = str(error).strip().splitlines()[0]
            kind = RefusedError if code in {401, 403} else ModelError
            raise kind(f"The hub did not take {repository!r}: {first}", "Check the name and HF_TOKEN.") from error
        except OSError as error:
            raise ModelError(f"The hub cannot be reached: {error}.", "Check the network or HF_ENDPOINT.") from error
    return str(commit)
