"""How fast the loop is: alone, beside its network, and what it asks of it."""

from genrl.bench.benchmark import Benchmark, benchmark
from genrl.bench.workloads import BUILT_IN

__all__ = ["BUILT_IN", "Benchmark", "benchmark"]
