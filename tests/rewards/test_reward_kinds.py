"""What a reward says of itself: latents instead of pictures, groups, gradients, what it needs before a run."""

import pytest
import torch

from genrl.errors import RewardError
from genrl.rewards import RewardPanel, RewardTerm
from genrl.types import Prompt


def declaring(function, **attributes):
    for name, value in attributes.items():
        setattr(function, name, value)
    return function


def test_latent_rewards_need_no_pictures(prompts, images):
    latents = torch.randn(3, 4, 8, 8)
    seen = {}

    def norm(prompts, completions, **columns):
        seen["latents"] = completions
        return completions.flatten(1).norm(dim=1)

    latent = RewardTerm("norm", declaring(norm, media="latent"))
    alone = RewardPanel([latent])
    assert not alone.needs_pixels
    scores = alone.score(prompts, None, latents=latents)
    assert torch.equal(seen["latents"], latents)
    torch.testing.assert_close(scores.values[0], latents.flatten(1).norm(dim=1).double())

    mixed = RewardPanel([latent, RewardTerm("ones", lambda prompts, completions: [1.0] * len(completions))])
    assert mixed.needs_pixels
    assert mixed.score(prompts, images, latents=latents).values[1].tolist() == [1.0] * 3
    with pytest.raises(RewardError, match="media = 'pil', and the panel was given none"):
        mixed.score(prompts, None, latents=latents)
    with pytest.raises(RewardError, match="media = 'latent', and the panel was given none"):
        mixed.score(prompts, images)
    latents[1, 0] = torch.nan
    with pytest.raises(RewardError, match=r"1 of 3 pictures \(the first is row 1\) hold NaN"):
        alone.score(prompts, None, latents=latents)


def test_group_wise_rewards_are_told_the_groups_and_others_are_not(prompts, images):
    told = {}

    class Wise:
        group_wise = True

        def __call__(self, prompts, completions, groups):
            told["score"] = groups
            return [float(g) for g in groups]

        def metrics(self, prompts, completions, groups):
            told["metrics"] = groups
            return {}

    def plain(prompts, completions, **columns):
        told["plain"] = columns
        return [0.0] * len(prompts)

    asked = RewardPanel([RewardTerm("wise", Wise()), RewardTerm("plain", plain)])
    assert asked.score(prompts, images, groups=[4, 4, 9]).values[0].tolist() == [4.0, 4.0, 9.0]
    asked.metrics(prompts, images, groups=(4, 4, 9))
    assert told["score"] == told["metrics"] == [4, 4, 9]
    assert "groups" not in told["plain"]
    with pytest.raises(RewardError, match="'wise' compares the pictures of a group; pass `groups`"):
        asked.score(prompts, images)
    with pytest.raises(RewardError, match="column 'groups'"):
        asked.score([Prompt("p", {"groups": 1})], images[:1])


def test_a_differentiable_reward_does_not_take_pil_images():
    def brightness(prompts, completions):
        return completions.mean(dim=(1, 2, 3))

    with pytest.raises(RewardError, match='no gradient reaches PIL images; set media = "tensor"'):
        RewardTerm("brightness", declaring(brightness, differentiable=True))
    term = RewardTerm("brightness", declaring(brightness, media="tensor"))
    pixels = torch.rand(2, 3, 4, 4, requires_grad=True)
    assert term.differentiable
    assert term.function([], pixels).requires_grad
    scores = RewardPanel([term]).score([Prompt("a"), Prompt("b")], pixels)
    assert not scores.values.requires_grad


def test_defaults_and_the_check_before_a_run():
    plain = RewardTerm("ones", lambda prompts, completions: [1.0])
    assert (plain.media, plain.device, plain.group_wise, plain.bounds) == ("pil", "cpu", False, None)
    assert (plain.differentiable, plain.version, plain.on_failure) == (False, "", "stop")
    plain.check()

    def needy(prompts, completions):
        return [1.0]

    def check():
        raise RewardError("The folder of weights is missing; run fetch.")

    with pytest.raises(RewardError, match="run fetch"):
        RewardPanel([plain, RewardTerm("needy", declaring(needy, check=check))]).check()
