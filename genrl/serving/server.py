"""The process around the application: a socket, and an end that lets running requests finish."""

from __future__ import annotations

import socket
from typing import Any

import uvicorn

from genrl.errors import ConfigError

#: Seconds that running requests get after Ctrl-C or SIGTERM.
GRACE = 30


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; ConfigError if the port is taken or the host is not this machine's. Port 0 takes a free one."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        raise ConfigError(f"{host}:{port} cannot be listened on ({error}); choose another --port or --host.") from None


def address(listener: socket.socket) -> str:
    """The URL of a bound socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server(app: Any, log_level: str = "info") -> uvicorn.Server:
    """To be `run(sockets=[listener])` until Ctrl-C or SIGTERM, or until its `should_exit` is set."""
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=GRACE,
        log_level=log_level,
    )
    return uvicorn.Server(config)
