"""Configuration: a few words in, a checked RunConfig out."""

from genrl.config.rewards import parse_reward
from genrl.config.run_config import SECTIONS, RunConfig, to_plain, to_yaml
from genrl.config.resolve import DEFAULT_ALGORITHM, resolve

__all__ = ["DEFAULT_ALGORITHM", "SECTIONS", "RunConfig", "parse_reward", "resolve", "to_plain", "to_yaml"]
