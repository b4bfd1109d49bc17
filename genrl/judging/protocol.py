"""How a configuration evaluates, the same for a run and for what is judged after it: prompts, rewards, evaluator, card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from genrl._version import __version__
from genrl.config import RunConfig
from genrl.data_protocols import PromptSource
from genrl.errors import PromptError
from genrl.eval_card import EvalCard
from genrl.evaluation import Evaluator
from genrl.prompter.rewriting import RewrittenPrompts, rewriter
from genrl.prompts import MapPrompts, load_heldout, train_and_heldout
from genrl.registry import component_name, entry
from genrl.rewards import RewardPanel, resolve_reward
from genrl.spec import to_spec
from genrl.types import Prompt


@dataclass(frozen=True)
class Protocol:
    """An evaluation that needs nothing but weights: its card, as far as it is known before any picture, and its parts."""

    card: EvalCard
    evaluator: Evaluator
    rewards: RewardPanel

    @staticmethod
    def of(config: RunConfig, prompts: str | None = None) -> Protocol:
        """That of a configuration. prompts: a source that is evaluated on instead, the whole or its held-out split."""
        rewards = reward_panel(config)
        if prompts is None and not config.prompts.source:
            raise PromptError("There are no prompts; give --prompts with a file, a directory, a hub id or a registered name.")
        # Columns and revisions belong to the configuration's own source.
        heldout = prompt_sources(config)[1] if prompts is None else load_heldout(prompts)
        evaluator = held_out_evaluator(config, heldout)
        return Protocol(card_of(config, evaluator, rewards), evaluator, rewards)


def reward_panel(config: RunConfig, failures: Path | None = None) -> RewardPanel:
    terms = [
        resolve_reward(r.name, weight=r.weight, options=dict(r.options), label=r.label, on_failure=r.on_failure)
        for r in config.rewards
    ]
    return RewardPanel(terms, failures)


def prompt_sources(config: RunConfig) -> tuple[PromptSource, MapPrompts]:
    """What a run trains on, and what it is evaluated on; both as they are, before any writer."""
    return train_and_heldout(
        config.prompts.source,
        config.prompts.heldout or None,
        count=config.prompts.heldout_count,
        split=config.prompts.split,
        shuffle=config.prompts.shuffle,
        column=config.prompts.column,
        streaming=config.prompts.streaming,
        seed=config.run.seed,
        revision=config.prompts.revision,
    )


def rewritten(config: RunConfig, source: PromptSource, folder: Path | None = None) -> PromptSource:
    """The prompts as the configuration's writer makes them, if it has one. folder: of a run, which keeps what is written."""
    if not config.prompts.prompter:
        return source
    return RewrittenPrompts(source, rewriter(config.prompts.prompter, config.run.device, folder))


def held_out_evaluator(config: RunConfig, heldout: MapPrompts, folder: Path | None = None) -> Evaluator:
    """folder: see `rewritten`."""
    # Whatever the run's seed, evaluation meets the same prompts in the same order, and so with the same noise.
    ordered = replace(heldout, seed=config.evaluation.seed)
    prompts = rewritten(config, ordered, folder).draw(0, min(len(ordered), config.evaluation.samples))
    return Evaluator(prompts, entry("solver", "euler").target(), config.sampling, config.evaluation)


def card_of(config: RunConfig, evaluator: Evaluator, rewards: RewardPanel) -> EvalCard:
    """The card of what `evaluator` does, without resolution and weights."""
    judged = {
        term.name: {"reward": _place(r.name), "weight": r.weight, "options": to_spec(r.options), "version": str(term.version)}
        for r, term in zip(config.rewards, rewards.terms, strict=True)
    }
    return EvalCard(
        prompts={"count": len(evaluator.prompts), "sha256": prompts_digest(evaluator.prompts)},
        samples=evaluator.settings.samples,
        seed=evaluator.settings.seed,
        solver=component_name(evaluator.solver),
        steps=evaluator.settings.steps or evaluator.sampling.steps,
        shift=evaluator.sampling.shift,
        store=evaluator.sampling.store,
        call=to_spec(config.model.call),
        dtype=config.model.dtype,
        mixed_precision=config.train.mixed_precision,
        rewards=judged,
        made_with={"genrl": __version__, "torch": torch.__version__, "diffusers": version("diffusers")},
    )


def prompts_digest(prompts: Sequence[Prompt]) -> str:
    plain: list[Any] = [[prompt.asked, dict(prompt.columns)] for prompt in prompts]
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=_digestible).encode()).hexdigest()


def _digestible(value: Any) -> str:
    """What stands for a value that is no JSON: of a picture its pixels, not where it lies in memory."""
    if isinstance(value, Image.Image):
        return f"{value.mode} {value.size} {hashlib.sha256(value.tobytes()).hexdigest()}"
    return str(value)


def _place(name: str) -> str:
    """A reward's name; of a file `path/to/mine.py:f`, wherever it lies, `mine.py:f` and the digest of what it holds."""
    path = Path(name.rpartition(":")[0]).expanduser()
    if path.suffix != ".py":
        return name
    return f"{Path(name).name} sha256:{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
