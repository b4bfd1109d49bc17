"""The settings of a run beside its algorithm. Names are those of TRL's and transformers' trainers where alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from genrl.bounds import BelowOne, Count, Finite, Fraction, Natural, NonNegative, Positive


@dataclass(frozen=True)
class ModelSettings:
    """What is trained.

    path: "scenes" (the embedded model), a local diffusers folder or a hub id.
    start_from: a checkpoint of another run with whose trained weights this one begins, as `--resume-weights-only` sets it;
        empty begins with the model as it is. What is called the reference stays that.
    weights: "lora" trains adapters of `lora_rank` and `lora_alpha` on a frozen base (the choice for big models); "full"
        trains every weight. A higher rank can change more and costs more memory.
    lora_targets: names of the linear layers that get adapters; empty takes them from the model itself.
    call: arguments passed on to the pipeline, such as height, width, num_frames, guidance_scale, negative_prompt.
    gradient_checkpointing: recomputes activations in the backward pass; less memory, about a third more time to learn.
    fp8_base: keeps the blocks' frozen weights in 8 bits and converts each for its call; half the memory of bfloat16 and a
        little time. The adapters learn on the rounded base. Needs lora and gradient_checkpointing.
    compile: compiles the repeated blocks when they are first called; a faster network after minutes of waiting. Compiles
        anew for a second batch size, resolution or text length, for the reference policy, and with and without gradient.
        Each operation rounds as it does uncompiled.
    attention: a backend of diffusers for the networks, such as _native_cudnn, flash or _flash_3; empty is torch's choice.
        It is tried before the weights are loaded; 8-bit backends are refused.
    offload: text encoders and decoder stay on the CPU and come to the device to encode new prompts and to decode; less
        memory, some seconds for each visit.
    encodings: where text encodings are kept; "disk" (below the run's folder, until it ends) for more prompts than memory
        holds, at the cost of reading them.
    max_rows: the largest batch that goes through the network without gradient at once; 0 does not split. Halved when the
        device runs out of memory.
    decode_rows: the same for decoding; 0 starts with 16 pictures or one video.
    """

    path: str = "scenes"
    revision: str | None = None
    trust_remote_code: bool = False
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    start_from: str = ""
    weights: Literal["lora", "full"] = "lora"
    lora_rank: Count = 32
    lora_alpha: Count = 64
    lora_targets: tuple[str, ...] = ()
    gradient_checkpointing: bool = False
    fp8_base: bool = False
    compile: bool = False
    attention: str = ""
    offload: bool = False
    encodings: Literal["cpu", "disk"] = "cpu"
    max_rows: Natural = 0
    decode_rows: Natural = 0
    call: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RewardSettings:
    """One reward of a run.

    name: a registered name, `module:function` or `path/to/file.py:function`.
    weight: its share in the advantage; higher counts more, 0 only watches, negative pushes down.
    options: fields of a registered reward.
    label: what it is called in messages and metrics instead of its name; needed where one reward is used twice.
    on_failure: what happens when the reward has no score for a picture after its own retries. "stop" ends the run with
        its weights saved; "drop" leaves the picture's whole group out of the iteration, counts it, and stops only if no
        group is left.
    """

    name: str
    weight: Finite = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    on_failure: Literal["stop", "drop"] = "stop"


@dataclass(frozen=True)
class PromptSettings:
    """Where prompts come from.

    source: a registered name, a file (txt, jsonl, csv, parquet), a directory or a hub id; empty is scenes' own prompts
        for the model scenes, and an error for any other. `column` defaults to prompt, else text, else request.
    heldout: a second source for held-out prompts, or empty: the source's own held-out split if it has one, else
        `heldout_count` distinct texts are set aside.
    prompter: a folder or hub id of a prompt writer that rewrites every text before the model sees it; rewards still judge by
        the text that was there. Empty rewrites nothing.
    """

    source: str = ""
    split: str = "train"
    column: str | None = None
    heldout: str = ""
    heldout_count: Count = 32
    streaming: bool = False
    shuffle: bool = True
    revision: str | None = None
    prompter: str = ""


@dataclass(frozen=True)
class TrainSettings:
    """The optimizer and its schedule.

    max_steps: iterations of explore, score, credit, learn.
    prompts_per_iteration: groups sampled in an iteration, over all processes; more give a steadier gradient at
        proportional cost.
    rollout_prompts: prompts rolled out at once; the pictures of one such batch are scored while the next is rolled out.
        0 rolls out all, which uses the device best; fewer hide the time of slow rewards and need less memory. Numbers
        change by rounding alone.
    rows: the largest batch of one forward-backward; lower it when learning runs out of memory, the result stays the
        same.
    max_grad_norm: gradients are scaled down to this norm; 0 switches clipping off.
    ema_decay: 0 keeps no average; otherwise evaluation and the exported model use the exponential average of the
        weights.
    max_bad_updates: stop after so many non-finite updates in a row (each one is skipped and counted).
    """

    max_steps: Count = 300
    prompts_per_iteration: Count = 4
    rollout_prompts: Natural = 0
    rows: Count = 16
    learning_rate: Positive = 1e-5
    warmup_steps: Natural = 0
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    betas: tuple[BelowOne, BelowOne] = (0.9, 0.999)
    weight_decay: NonNegative = 1e-4
    max_grad_norm: NonNegative = 1.0
    ema_decay: BelowOne = 0.0
    max_bad_updates: Count = 5
    mixed_precision: Literal["no", "bf16", "fp16"] = "no"


@dataclass(frozen=True)
class EvaluationSettings:
    """Held-out evaluation: the same prompts and the same noise, at step 0, every `every` steps and at the end.

    samples: pictures in all, spread evenly over the held-out prompts; more narrow the confidence interval.
    steps: Euler steps; 0 takes sampling.steps. grid: pictures shown in the PNG grid.
    best_by: the held-out number whose best evaluation keeps its checkpoint, beside the newest ones: "reward" or another
        name of the evaluation, better one that is not trained on, such as scenes/strict; empty keeps none.
    patience: end the run after so many evaluations in a row without a better `best_by`; fewer stop at the first dip, 0
        never stops.
    stop_on_alarm: end the run, saved, when it raises an alarm.
    """

    every: Natural = 10
    samples: Count = 64
    steps: Natural = 0
    grid: Natural = 16
    seed: Natural = 1234
    best_by: str = "reward"
    patience: Natural = 0
    stop_on_alarm: bool = False


@dataclass(frozen=True)
class AlarmSettings:
    """When a run says that something is wrong. Evaluations are compared sample by sample, by 95 % intervals.

    watch: held-out numbers that must not fall while the reward rises; empty takes all that are not trained on: rewards of
        weight 0 and what rewards measure beside, where higher has to be better.
    fall: how far one of them has to fall for sure, in standard deviations of its samples; higher waits for larger falls, 0
        takes any that is no accident.
    collapse: an alarm below this share of the first iterations' spread inside a group, of latents, pixels and rewards;
        higher warns earlier, and of groups that are alike because they are all good.
    entropy: bits of grey-level entropy that pictures may lose for sure; lower warns earlier, and of plain styles.
    artefacts: how many times their first value the high-frequency and the grid energy may become; lower warns earlier, and
        of pictures that have become sharper.
    saturation: how much the share of clipped and of vivid pixels may rise; lower warns earlier, and of colourful styles.
    clipped: which share of a loss's terms may lose its gradient to the clip, over five iterations; lower warns of smaller
        drift within a rollout.
    """

    watch: tuple[str, ...] = ()
    fall: NonNegative = 0.1
    collapse: Fraction = 0.25
    entropy: Positive = 1.5
    artefacts: Positive = 2.0
    saturation: Positive = 0.2
    clipped: Fraction = 0.25


@dataclass(frozen=True)
class RunSettings:
    """Where the run lives and what it uses.

    save_steps: iterations between checkpoints (0: only at the end, on Ctrl-C and at a new best evaluation). With LoRA each
        holds a folder `model` for `load_lora_weights`; of full weights `genrl export` makes a pipeline folder on demand,
        because it is as big as the model.
    save_total_limit: newest checkpoints kept; that of the best evaluation (`evaluation.best_by`) is kept beside them.
    threads: CPU threads for torch; 0 keeps torch's choice.
    self_check: before anything is spent, one step is replayed and compared with its rollout, and before the first update is
        applied its ratio is compared with 1; three rows through the network, counted apart.
    report_to: trackers beside the files that are always written.
    hub_model_id: OWNER/NAME of a hub repository that the finished model is uploaded to; empty uploads nothing.
    hub_private_repo: whether that repository is made private if it does not exist yet.
    """

    output: str = ""
    seed: Natural = 0
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    threads: Natural = 0
    save_steps: Natural = 10
    save_total_limit: Count = 2
    self_check: bool = True
    report_to: tuple[Literal["tensorboard", "wandb", "trackio"], ...] = ()
    hub_model_id: str = ""
    hub_private_repo: bool = False
