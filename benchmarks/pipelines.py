"""Which text-to-image and text-to-video flow pipelines of the installed diffusers genrl can train, as docs/pipelines.md.

    python -m benchmarks.pipelines

Read off the pipelines' classes: nothing is downloaded and no weights are loaded. "Tested" are those of which the test suite
builds a tiny one and trains it.
"""

from __future__ import annotations

import argparse
import warnings
from collections import Counter
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "pipelines.md"
HEAD = """# Pipelines

`--model` takes a folder or hub id of any pipeline whose row says *tested* or *structure*. This page is what

```
python -m benchmarks.pipelines
```

writes: every pipeline class of diffusers {version} that turns a text alone into pictures, video or sound and whose scheduler
is a flow. {counts}

- **tested**: the test suite builds one with random weights, saves it, loads it by `--model FOLDER` and finds the pipeline's
  own output to the last bit, a replay without error, gradients in every adapter, a LoRA that plain diffusers loads, and two
  iterations of three recipes.
- **structure**: its class has everything that is needed, read off its code; not tried.
- **refused**: with what stands in the way.

What a pipeline needs: an `encode_prompt` that takes a list of prompts; a `prepare_latents` whose noise has standard
deviation 1; a `transformer` or `unet`; a `__call__` under `torch.no_grad()` with one loop over the timesteps of its own
scheduler and one `scheduler.step` in it. A guider among its components has to be `ClassifierFreeGuidance` from start to
stop, because every other one counts steps.

Diffusion models from before flows are not in the table: where the pipeline has this structure and the network predicts the
noise, `v` or the clean picture, it is converted. Stable Diffusion 1.5 and XL are tested. They are sampled as by DDIM with
trailing timesteps, so draw with `DDIMScheduler.from_config(pipe.scheduler.config, timestep_spacing="trailing",
set_alpha_to_one=True, clip_sample=False)` and a number of steps that divides 1000.

| pipeline | makes | verdict |
|---|---|---|
"""


def page() -> str:
    warnings.filterwarnings("ignore")
    import diffusers

    from genrl.models.scan import scan
    from tests.tiny_pipelines import FAMILIES, build

    tested = {type(build(family).pipe).__name__ for family in FAMILIES}
    rows, counts = [], Counter[str]()
    for found in scan():
        verdict = "refused" if found.reason else "tested" if found.name in tested else "structure"
        counts[verdict] += 1
        off = f", with {' and '.join(f'`model.call.{name}=null`' for name in found.off)}" if found.off else ""
        rows.append(f"| {found.name} | {found.makes} | {verdict}{f': {found.reason}' if found.reason else off} |\n")
    told = f"{sum(counts.values())} of them: {counts['tested']} tested, {counts['structure']} with the structure, "
    told += f"{counts['refused']} refused."
    return HEAD.format(version=diffusers.__version__, counts=told) + "".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=PAGE, help="where to write the page")
    options = parser.parse_args()
    options.output.write_text(page())
    print(f"Wrote {options.output}.")


if __name__ == "__main__":
    main()
