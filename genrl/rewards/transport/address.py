"""Where a server is, and the key it is asked with."""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import urlsplit

from genrl.errors import ConfigError, RewardError


def check_address(url: str, owner: str) -> None:
    """ConfigError unless `url` is http:// or https:// with a host and without a user, a query or a fragment."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"{owner} has url {url!r} ({error}); write it as http://HOST:PORT.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ConfigError(f"{owner} has url {url!r}; only http://HOST:PORT and https://HOST are asked.")
    if parts.username is not None or parts.password is not None:
        raise ConfigError(
            f"The url of {owner} holds a user or a password, which would end up in the run's files; "
            "put the key into an environment variable and give its name as api_key_env."
        )
    if parts.query or parts.fragment or not url.isprintable() or " " in url:
        raise ConfigError(f"{owner} has url {url!r}; leave out what follows the path.")


def is_loopback(url: str) -> bool:
    """Whether it is this machine, which is never reached through a proxy."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def authorization(variable: str, owner: str) -> dict[str, str]:
    """The header that carries the key in this environment variable; none without a variable."""
    if not variable:
        return {}
    key = os.environ.get(variable, "").strip()
    if not key or not key.isascii() or not key.isprintable():
        raise RewardError(
            f"{owner} takes its key from the environment variable {variable}, which "
            f"{'holds characters that no header may have' if key else 'is not set'}; `export {variable}=...` first."
        )
    return {"Authorization": f"Bearer {key}"}
