"""GPUs, by the numbers of their makers' data sheets."""

from __future__ import annotations

from dataclasses import dataclass

from genrl.errors import ConfigError
from genrl.registry import suggestion


@dataclass(frozen=True)
class Gpu:
    """memory in GB (10^9 bytes); dense peak in TFLOP/s of matrix products in bfloat16 (float32 accumulation) and in float32."""

    name: str
    memory: float
    bfloat16: float
    float32: float


#: Data sheets and architecture white papers of NVIDIA and AMD; without sparsity, which doubles the printed peaks of most.
GPUS = {
    "a100": Gpu("A100 80 GB SXM", 80, 312, 19.5),
    "a100-40gb": Gpu("A100 40 GB SXM", 40, 312, 19.5),
    "a6000": Gpu("RTX A6000", 48, 154.8, 38.7),
    "b200": Gpu("B200", 180, 2250, 75),
    "h100": Gpu("H100 80 GB SXM", 80, 989, 67),
    "h100-pcie": Gpu("H100 80 GB PCIe", 80, 756, 51),
    "h200": Gpu("H200 141 GB SXM", 141, 989, 67),
    "h800": Gpu("H800 80 GB SXM", 80, 989, 67),
    "l4": Gpu("L4", 24, 121, 30.3),
    "l40s": Gpu("L40S", 48, 362, 91.6),
    "mi300x": Gpu("MI300X", 192, 1307, 163.4),
    "rtx3090": Gpu("GeForce RTX 3090", 24, 71, 35.6),
    "rtx4090": Gpu("GeForce RTX 4090", 24, 165.2, 82.6),
    "rtx5090": Gpu("GeForce RTX 5090", 32, 209.5, 104.8),
}
#: Share of the peak that a large network reaches layer by layer, without compilation; small matrices reach less.
UTILISATION = 0.45
#: Seconds that one kernel costs at least, however small it is.
LAUNCH = 5e-6
#: Share of the memory that a run can fill; the rest is taken by the driver, the libraries' workspaces and fragmentation.
USABLE = 0.92


def find_gpu(name: str) -> Gpu:
    """The GPU of that name, in any case; ConfigError with the nearest names if there is none."""
    if name.lower() not in GPUS:
        raise ConfigError(f"There is no GPU named {name!r} in the table{suggestion(name.lower(), GPUS)}")
    return GPUS[name.lower()]
