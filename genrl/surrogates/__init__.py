"""The policy whose ratio is clipped: what a step says about the states that the rollout reached."""

from genrl.surrogates.gaussian import Gaussian, gaussian_log_prob
from genrl.surrogates.softmax_distance import SoftmaxDistance

__all__ = ["Gaussian", "SoftmaxDistance", "gaussian_log_prob"]
