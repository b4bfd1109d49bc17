"""Models: any flow pipeline of diffusers, driven through its own `__call__`."""

from genrl.models.loading import load_model
from genrl.models.lora import adapters_disabled, add_lora
from genrl.models.pipeline import DiffusersModel
from genrl.models.saving import load_lora

__all__ = ["DiffusersModel", "adapters_disabled", "add_lora", "load_lora", "load_model"]
