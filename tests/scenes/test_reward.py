import numpy as np
import pytest
import torch
from PIL import Image

from genrl.registry import entry
from genrl.scenes import ScenesPrompts, ScenesReward, held_out_prompts, scenes_metrics, train_prompts


def test_reward_is_the_weighted_sum_and_lies_in_the_unit_interval(broad):
    reward = ScenesReward()(broad.prompts, broad.pictures, anything=[None] * len(broad.prompts))
    measured = scenes_metrics(broad.prompts, broad.pictures)
    assert all(isinstance(value, float) and 0 <= value <= 1 for value in reward)
    np.testing.assert_allclose(reward, 0.6 * np.array(measured["correctness"]) + 0.4 * np.array(measured["quality"]))
    only = ScenesReward(correctness=0.0, quality=1.0)(broad.prompts, broad.pictures)
    assert only == measured["quality"]


def test_strict_is_a_metric_only(clean):
    measured = ScenesReward().metrics(clean.prompts, clean.pictures)
    assert set(measured) == {"correctness", "quality", "strict"}
    assert set(measured["strict"]) <= {0.0, 1.0}


def test_pil_images_score_like_tensors(clean):
    arrays = (clean.pictures[:20] * 255).round().byte().permute(0, 2, 3, 1).numpy()
    pictures = [Image.fromarray(array) for array in arrays]
    tensor = ScenesReward()(clean.prompts[:20], clean.pictures[:20])
    assert ScenesReward()(clean.prompts[:20], pictures) == pytest.approx(tensor, abs=0.02)


def test_both_are_registered():
    assert entry("reward", "scenes").target is ScenesReward
    assert entry("prompts", "scenes").target is ScenesPrompts


def test_prompt_rows_keep_to_the_split_and_balance_the_kinds():
    train = [row["prompt"] for row in ScenesPrompts().rows("train")]
    held_out = [row["prompt"] for row in ScenesPrompts().rows("heldout")]
    assert set(train) == set(train_prompts())
    assert set(held_out) <= set(held_out_prompts())
    assert len(held_out) == len(set(held_out)) == 24
    share = np.mean([" a " in prompt for prompt in train])
    assert 0.45 < share < 0.55


def test_unknown_split_is_refused():
    with pytest.raises(Exception, match="heldout"):
        ScenesPrompts().rows("validation")


def test_pictures_are_not_written_to(broad):
    before = broad.pictures.clone()
    ScenesReward()(broad.prompts, broad.pictures)
    assert torch.equal(before, broad.pictures)
