"""DRaFT (arXiv 2309.17400): the gradient of a differentiable reward goes through the last K steps of the sampler.

With Euler steps x_{k+1} = x_k + (t - s) v(x_k, s) of the CURRENT policy from the noise x_0:

(1) DRaFT-K: L = -mean_i r(x_T), where x_{T-K} is a constant; K = T is the full DRaFT
(2) DRaFT-LV, K = 1: with x = sg(x_T) and fresh noises eps_n, x' = (1 - s) x + s eps_n at the last step's s, one step from x'
    down to 0; L = -mean over i and n of r of these images

Gradients pass through the inputs of the last K calls as well as through the weights.

Left open, and read here as follows. The paper samples with DDIM, which is Euler here. The last K steps run from sigmas[T-K]
to sigmas[T]. In (2) the rewards of the n images are averaged, the first image's own reward is not counted again. A decoder
belongs to `reward`.
"""

from __future__ import annotations

import torch


def rollout(velocity, noise, sigmas, last):
    """noise (G, *L) -> x_T (G, *L), with a graph through the last `last` steps only."""
    T, final = len(sigmas) - 1, []
    for i in range(len(noise)):
        x = noise[i]
        for k in range(T):
            with torch.set_grad_enabled(k >= T - last):
                x = x + (sigmas[k + 1] - sigmas[k]) * velocity(x[None], sigmas[k])[0]
        final.append(x)
    return torch.stack(final)


def loss(velocity, noise, sigmas, reward, *, last=1):
    """(1): reward maps latents (G, *L) to (G,), differentiably. A scalar."""
    return -reward(rollout(velocity, noise, sigmas, last)).mean()


def loss_low_variance(velocity, noise, sigmas, reward, eps):
    """(2): eps (n, G, *L). A scalar."""
    s, total = sigmas[-2], 0.0
    with torch.no_grad():
        image = rollout(velocity, noise, sigmas, 0)
    for fresh in eps:
        again = torch.stack([(1 - s) * image[i] + s * fresh[i] for i in range(len(image))])
        total = total - reward(rollout(velocity, again, sigmas[-2:], 1)).mean()
    return total / len(eps)
