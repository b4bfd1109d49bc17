"""The page about pipelines is what its command writes, and what it says is what the classes say."""

import re
from pathlib import Path

import diffusers
import pytest

from benchmarks.pipelines import PAGE, page
from genrl.errors import ConfigError
from genrl.models.requirements import check_call
from genrl.models.scan import scan
from genrl.models.structure import obstacle, switches

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"
PINNED = re.search(r"^diffusers==(\S+)$", CONSTRAINTS.read_text(), re.MULTILINE)[1]


@pytest.mark.skipif(diffusers.__version__ != PINNED, reason=f"the page is about diffusers {PINNED}")
def test_page_is_what_its_command_writes():
    assert PAGE.read_text() == page(), "run python -m benchmarks.pipelines"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("LTX2Pipeline", "several schedulers"),
        ("HeliosPipeline", "loops inside one another"),
        ("SkyReelsV2DiffusionForcingPipeline", "several schedulers"),
        ("Cosmos2TextToImagePipeline", "standard deviation sigma_max"),
        ("StableAudio3Pipeline", "no pictures"),
        ("WanVACEPipeline", "one prompt at a time"),
        ("GlmImagePipeline", "generate_prior_tokens at each call"),
        ("DreamLitePipeline", "it lacks prompt (argument of encode_prompt)"),
        ("ErnieImagePipeline", "it lacks prepare_latents"),
    ],
)
def test_what_stands_in_the_way_is_read_off_the_class(name, reason):
    (found,) = [found for found in scan() if found.name == name]
    assert reason in found.reason
    kind = getattr(diffusers, name)
    assert obstacle(kind, ("transformer", "unet", "scheduler")) == found.reason


def test_scan_leaves_out_what_starts_from_more_than_a_text_and_what_is_no_flow():
    names = {found.name for found in scan()}
    assert {"FluxPipeline", "WanPipeline", "SanaVideoPipeline", "EasyAnimatePipeline"} <= names
    assert not names & {"FluxFillPipeline", "WanImageToVideoPipeline", "StableDiffusionPipeline", "PixArtAlphaPipeline"}


def test_prompts_are_not_rewritten_at_each_call():
    kind = diffusers.LongCatImagePipeline
    assert obstacle(kind, ("transformer", "scheduler")) is None
    assert switches(kind).keys() == {"enable_prompt_rewrite"}
    pipe = object.__new__(kind)
    with pytest.raises(ConfigError, match="enable_prompt_rewrite=null: it puts the prompt through rewire_prompt at each call"):
        check_call(pipe, {})
    check_call(pipe, {"enable_prompt_rewrite": False})


def test_guidance_that_changes_from_step_to_step_is_refused():
    pipe = object.__new__(diffusers.Ideogram4Pipeline)
    with pytest.raises(ConfigError, match="guidance_schedule=null: it depends on the number of the step"):
        check_call(pipe, {})
    check_call(pipe, {"guidance_schedule": None, "guidance_scale": 5.0})
    with pytest.raises(ConfigError, match="guidance_schedule=null"):
        check_call(pipe, {"guidance_schedule": [5.0, 3.0]})
