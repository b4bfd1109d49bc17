"""The policy whose ratio is clipped: what a step says about the states that the rollout reached."""

from genrl.surrogates.gaussian import Gaussian, gaussian_log_prob
from genrl.surrogates.ratio_norm import RatioNorm
from genrl.surrogates.softmax_distance import SoftmaxDistance
from genrl.surrogates.unscaled_gaussian import UnscaledGaussian

__all__ = ["Gaussian", "RatioNorm", "SoftmaxDistance", "UnscaledGaussian", "gaussian_log_prob"]
