"""Uploads against a stand-in for the hub's client; no test reaches the network."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled

from genrl.config import check, resolve
from genrl.errors import HubError
from genrl.hub import check_repository, upload


class Hub:
    """Records what is uploaded; raises `error` where the real client would talk to the hub."""

    error: Exception | None = None
    uploads: list[dict[str, Any]]

    def whoami(self) -> dict[str, Any]:
        if self.error:
            raise self.error
        return {"name": "me", "orgs": [{"name": "lab"}]}

    def create_repo(self, repository: str, private: bool | None, exist_ok: bool) -> str:
        assert exist_ok
        self.uploads.append({"private": private})
        return f"https://hub/{repository}"

    def upload_folder(self, repo_id: str, folder_path: Path, commit_message: str) -> None:
        if self.error:
            raise self.error
        self.uploads[-1] |= {"repository": repo_id, "files": sorted(path.name for path in Path(folder_path).iterdir())}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    hub = Hub()
    hub.uploads = []
    for name in ("whoami", "create_repo", "upload_folder"):
        monkeypatch.setattr(HfApi, name, staticmethod(getattr(hub, name)))
    return hub


def test_the_owner_of_the_token_and_its_groups_can_be_uploaded_to(hub: Hub) -> None:
    check_repository("me/sharper")
    check_repository("lab/sharper")
    with pytest.raises(HubError, match=r"The token of me cannot upload to mee/sharper; did you mean 'me'\?"):
        check_repository("mee/sharper")
    for name in ("sharper", "a/b/c", "me/", ""):
        with pytest.raises(HubError, match="OWNER/NAME"):
            check_repository(name)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (LocalTokenNotFoundError("no token found"), "there is none; run `hf auth login`"),
        (OfflineModeIsEnabled("offline mode is enabled.\nmore"), r"\(offline mode is enabled\)"),
        (HTTPError("Name or service not known"), "Name or service not known"),
    ],
)
def test_a_token_that_is_missing_or_not_taken_stops_a_run_before_it_starts(hub: Hub, error: Exception, said: str) -> None:
    hub.error = error
    config = resolve(flags={"run.hub_model_id": "me/sharper"})
    with pytest.raises(HubError, match=said):
        check(config)
    hub.error = None
    check(config)


def test_a_folder_is_uploaded_whole(hub: Hub, tmp_path: Path) -> None:
    for name in ("README.md", "weights"):
        (tmp_path / name).write_text("")
    assert upload(tmp_path, "me/sharper", True, "") == "https://hub/me/sharper"
    assert hub.uploads == [{"private": True, "repository": "me/sharper", "files": ["README.md", "weights"]}]
    upload(tmp_path, "me/sharper", False, "")
    assert hub.uploads[-1]["private"] is None, "the owner's own default"


@pytest.mark.parametrize("error", [OSError(errno.EPIPE, "Broken pipe"), RuntimeError("Error while uploading"), HTTPError("")])
def test_an_upload_that_fails_says_how_to_repeat_it(hub: Hub, tmp_path: Path, error: Exception) -> None:
    hub.error = error
    with pytest.raises(HubError, match="It is complete on this machine; upload it with `genrl export RUN`"):
        upload(tmp_path, "me/sharper", False, "genrl export RUN")
