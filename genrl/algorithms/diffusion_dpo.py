"""Diffusion-DPO: preferences between pictures of a data set (Wallace et al., arXiv:2311.12908).

Explore  nothing: the two pictures of a pair are read and encoded by the model's own autoencoder
Credit   the preference that the data set holds
Learn    -log sigmoid(-beta / 2 [gap_w - gap_l]), gap = l - l_ref, the errors of both pictures at one level and one noise

Constants: beta 5,000, one uniform level for each pair, 2,048 pairs an update, 2,000 updates, the first 500 of them warm-up,
AdamW with weight decay .01: the authors' scripts, whose rate is 1e-8 times the pairs of an update, 2.048e-5.

Departures: the errors are those of the velocity, where the paper's are of the noise, (1 - sigma) times as large for the same
picture; a picture is the mode of what its autoencoder says instead of a draw, cropped in the middle and never flipped; the
gradient is clipped to train.max_grad_norm.
"""

from genrl.algorithms.offline_preference import OfflinePreference
from genrl.losses import DPO
from genrl.noising import PerGroup, Uniform
from genrl.registry import register
from genrl.types import Paper

PAPER = Paper(
    "Diffusion Model Alignment Using Direct Preference Optimization",
    "Bram Wallace, Meihua Dang, Rafael Rafailov, Linqi Zhou, Aaron Lou, Senthil Purushwalkam, Stefano Ermon, Caiming Xiong, "
    "Shafiq Joty, Nikhil Naik",
    2023, "2311.12908",
)  # fmt: skip
RUN = {
    "sampling": {"group_size": 2},
    "train": {
        "learning_rate": 2.048e-5, "weight_decay": 0.01, "warmup_steps": 500, "max_steps": 2000, "prompts_per_iteration": 2048,
    },
}  # fmt: skip


@register("algorithm", "diffusion-dpo", paper=PAPER, run=RUN)
def diffusion_dpo() -> OfflinePreference:
    """Pairs of a data set; the preferred picture is denoised better than the reference denoises it, the other worse."""
    return OfflinePreference(times=Uniform(count=1), sharing=PerGroup(), objective=DPO(beta=5000.0))
