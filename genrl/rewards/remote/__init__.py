"""Any reward behind an HTTP server: the wire format, its JSON schema, and the client."""

from genrl.rewards.remote.reward import Remote

__all__ = ["Remote"]
