"""Uploads to the hub. What can be known to fail fails before training, and an upload that fails loses nothing."""

from __future__ import annotations

import re
from pathlib import Path

from genrl.errors import HubError
from genrl.registry import suggestion


def check_repository(repository: str) -> None:
    """Raise HubError unless `repository` is OWNER/NAME and the stored token belongs to OWNER or a member of it."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HTTPError, LocalTokenNotFoundError

    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise HubError(f"An upload needs a repository OWNER/NAME, got {repository!r}.")
    try:
        account = HfApi().whoami()
    except LocalTokenNotFoundError:
        raise HubError(
            f"The upload to {repository} needs a token of the hub and there is none; run `hf auth login` or set HF_TOKEN, "
            "or upload later with `genrl export RUN --push-to-hub`."
        ) from None
    except (HTTPError, OSError) as error:
        raise HubError(
            f"The hub does not take the token for the upload to {repository} ({_first_line(error)}); run `hf auth login` "
            "again, or upload later with `genrl export RUN --push-to-hub`."
        ) from error
    owners = [account["name"], *(group["name"] for group in account.get("orgs", []))]
    owner = repository.partition("/")[0]
    if owner not in owners:
        raise HubError(f"The token of {account['name']} cannot upload to {repository}{suggestion(owner, owners)}")


def upload(folder: Path, repository: str, private: bool, again: str) -> str:
    """Upload a folder to a model repository, which is created if needed; returns its address.

    private: of a repository that is created; one that exists stays as it is.
    again: the command that repeats the upload, named if it fails.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HTTPError

    api = HfApi()
    try:
        address = api.create_repo(repository, private=private or None, exist_ok=True)
        api.upload_folder(repo_id=repository, folder_path=folder, commit_message="Upload a model trained with genrl")
    except (HTTPError, OSError, RuntimeError) as error:
        raise HubError(
            f"{folder} was not uploaded to {repository} ({_first_line(error)}). It is complete on this machine; upload it "
            f"with `{again}`."
        ) from error
    return str(address)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
