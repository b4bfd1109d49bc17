"""What a run costs, before a weight is downloaded: memory, operations and time, measured on a model without numbers."""

from genrl.estimate.advice import Advice, advise
from genrl.estimate.devices import GPUS, Gpu, find_gpu
from genrl.estimate.estimate import Estimate, estimate

__all__ = ["GPUS", "Advice", "Estimate", "Gpu", "advise", "estimate", "find_gpu"]
