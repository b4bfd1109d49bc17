"""Asking a server that may be down, slow, broken or hostile, for rewards that live behind one."""

from genrl.rewards.transport.endpoint import Endpoint
from genrl.rewards.transport.faults import NoAnswer, Unavailable, Unusable, printable

__all__ = ["Endpoint", "NoAnswer", "Unavailable", "Unusable", "printable"]
