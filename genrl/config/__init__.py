"""Configuration: a few words in, a checked RunConfig out."""

from genrl.config.checks import check, check_algorithm, check_device, check_model, check_reward_gradient
from genrl.config.resolve import DEFAULT_ALGORITHM, resolve
from genrl.config.restart import restarted
from genrl.config.resume import deciding, resumed
from genrl.config.rewards import parse_reward
from genrl.config.run_config import SECTIONS, RunConfig, to_plain, to_yaml
from genrl.config.world import model_folder

__all__ = [
    "DEFAULT_ALGORITHM",
    "SECTIONS",
    "RunConfig",
    "check",
    "check_algorithm",
    "check_device",
    "check_model",
    "check_reward_gradient",
    "deciding",
    "model_folder",
    "parse_reward",
    "resolve",
    "restarted",
    "resumed",
    "to_plain",
    "to_yaml",
]
