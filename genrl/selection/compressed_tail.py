from __future__ import annotations

from genrl.schedule import infer_shift, shifted, unshifted


def compressed_tail(sigmas: tuple[float, ...], last: int, ratio: float, smallest: int) -> tuple[float, ...]:
    """The grid of MixGRPO-Flash (arXiv:2507.21802): untouched through `last` + 1, fewer points from there to 0.

    With T steps, the tail has int((T - last) * ratio) points, but at least `smallest`, the first at sigmas[last + 1];
    they are even in unshifted time. `smallest` = 1 is the reference code: where it applies, the grid stops at
    sigmas[last + 1] and the decoded latent is still noisy. `smallest` = 2 always ends at exactly 0.
    """
    steps = len(sigmas) - 1
    points = max(int((steps - last) * ratio), smallest)
    shift = infer_shift(sigmas)
    start = unshifted(sigmas[last + 1], shift)
    tail = (shifted(start * (1.0 - k / (points - 1)), shift) for k in range(1, points))
    return (*sigmas[: last + 2], *tail)
