"""What two that learnt together are worth apart: both writers with both models, on the same requests and noise."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
from rich.console import Console

from genrl.config import RunConfig
from genrl.judging.contest import Contender, judge_all
from genrl.judging.judgement import Judgement, is_judgement, read_judgement
from genrl.judging.protocol import Protocol
from genrl.judging.source import Found, find
from genrl.monitoring.faithfulness import FAITHFULNESS
from genrl.prompter.config import PrompterConfig
from genrl.prompter.rewards import faithfulness

#: Of (writer, model), each as it was and as it is.
NAMES = ("both base", "model tuned", "writer tuned", "both tuned")


def judge_combinations(
    config: PrompterConfig, writers: tuple[Path, Path], model: Path, folder: Path, console: Console
) -> dict[str, Judgement]:
    """The four by name, the base pair first; their scores and the faithfulness of what was written.

    writers: the untrained and the trained one. model: the run of the trained model, whose base is the other. folder: where
    each is kept as a folder of `genrl eval`; what is there already is read.
    """
    tuned = find(str(model))
    judged = {}
    for name, (writer, found) in zip(NAMES, product(writers, (tuned.untuned, tuned)), strict=True):
        own = folder / name.replace(" ", "-")
        judged[name] = read_judgement(own) if is_judgement(own) else _judged(config, found, writer, own, console)
    return judged


def _judged(config: PrompterConfig, found: Found, writer: Path, own: Path, console: Console) -> Judgement:
    behind: RunConfig = replace(found.config, prompts=replace(found.config.prompts, prompter=str(writer)))
    protocol = Protocol.of(behind)
    source = str(found.tuned.parent) if found.tuned else found.base.path
    contender = Contender(own.name, source, Found(behind, found.tuned), protocol)
    (judged,) = judge_all([contender], own.parent, console).values()
    prompts = [protocol.evaluator.prompt(sample) for sample in range(len(judged.prompts))]
    kept = faithfulness(config.writer.faithfulness, prompts, [prompt.text for prompt in prompts])
    judged = replace(judged, values={**judged.values, FAITHFULNESS: np.asarray(kept)})
    judged.write()
    return judged
