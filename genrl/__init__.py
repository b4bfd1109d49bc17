"""genrl: reinforcement learning for flow models. `genrl.types` and `genrl.protocols` are the place to start reading.

The names below are imported when they are first used, so that `import genrl` does not load torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from genrl._version import __version__

if TYPE_CHECKING:
    from genrl.algorithms.forward_process import ForwardProcess
    from genrl.algorithms.policy_gradient import PolicyGradient
    from genrl.config import RunConfig, to_yaml
    from genrl.config.resolve import resolve
    from genrl.errors import GenrlError
    from genrl.registry import entries, register
    from genrl.spec import from_spec, override, to_spec
    from genrl.types import Paper, Prompt, RolloutGroup, Sampling, Step, StepPlan, Unit

_HOMES = {
    "genrl.algorithms.forward_process": ["ForwardProcess"],
    "genrl.algorithms.policy_gradient": ["PolicyGradient"],
    "genrl.config": ["RunConfig", "resolve", "to_yaml"],
    "genrl.errors": ["GenrlError"],
    "genrl.registry": ["entries", "register"],
    "genrl.spec": ["from_spec", "override", "to_spec"],
    "genrl.types": ["Paper", "Prompt", "RolloutGroup", "Sampling", "Step", "StepPlan", "Unit"],
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "ForwardProcess",
    "GenrlError",
    "Paper",
    "PolicyGradient",
    "Prompt",
    "RolloutGroup",
    "RunConfig",
    "Sampling",
    "Step",
    "StepPlan",
    "Unit",
    "__version__",
    "entries",
    "from_spec",
    "override",
    "register",
    "resolve",
    "to_spec",
    "to_yaml",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'genrl' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
