"""At which noise levels samples are asked again, and which of them share noise."""

from genrl.noising.discrete import Discrete
from genrl.noising.logit_normal import LogitNormal
from genrl.noising.sharing import PerGroup, PerSample
from genrl.noising.stratified import Stratified
from genrl.noising.uniform import Uniform

__all__ = ["Discrete", "LogitNormal", "PerGroup", "PerSample", "Stratified", "Uniform"]
