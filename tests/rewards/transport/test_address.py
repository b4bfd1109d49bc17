"""Which servers are asked, and with which key."""

from __future__ import annotations

import pytest

from genrl.errors import ConfigError, RewardError
from genrl.rewards import Remote
from genrl.rewards.transport.address import authorization, is_loopback


@pytest.mark.parametrize("url", ["http://127.0.0.1:8100", "https://judge.example/v1/", "http://[::1]:8100", "HTTP://host"])
def test_addresses(url: str) -> None:
    assert Remote(url=url).url == url


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("file:///etc/passwd", "only http://HOST:PORT and https://HOST"),
        ("gopher://host", "only http://HOST:PORT"),
        ("", "only http://HOST:PORT"),
        ("127.0.0.1:8100", "only http://HOST:PORT"),
        ("http://", "only http://HOST:PORT"),
        ("http://host:99999", "Port out of range"),
        ("http://host:0", "only http://HOST:PORT"),
        ("http://[::1", "Invalid IPv6 URL"),
        ("http://user:secret@host", "put the key into an environment variable"),
        ("http://host/?key=secret", "leave out what follows the path"),
        ("http://host/a b", "leave out what follows the path"),
    ],
)
def test_what_is_no_address(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        Remote(url=url)
    assert "user:secret" not in str(caught.value)


def test_only_this_machine_is_reached_without_the_proxy_of_the_environment() -> None:
    assert all(map(is_loopback, ["http://127.0.0.1:1", "http://localhost", "http://[::1]:1", "http://127.8.8.8"]))
    assert not any(map(is_loopback, ["http://10.0.0.1", "http://example.org", "http://localhost.example.org"]))


def test_keys_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", " abc\n")
    assert authorization("A_KEY", "remote") == {"Authorization": "Bearer abc"}
    assert authorization("", "remote") == {}
    monkeypatch.setenv("A_KEY", "a\nb: c")
    with pytest.raises(RewardError, match="A_KEY, which holds characters that no header may have"):
        authorization("A_KEY", "remote")
    monkeypatch.delenv("A_KEY")
    with pytest.raises(RewardError, match=r"A_KEY, which is not set; `export A_KEY=...` first") as caught:
        Remote(api_key_env="A_KEY").check()
    assert "abc" not in str(caught.value)
