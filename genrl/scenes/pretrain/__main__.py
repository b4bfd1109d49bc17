"""Train the scenes base model: ``python -m genrl.scenes.pretrain --output DIR``."""

import argparse
from pathlib import Path

import torch

from genrl.scenes.pretrain.loop import Settings, pretrain


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m genrl.scenes.pretrain", description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="folder for checkpoint, log and exported pipeline")
    parser.add_argument("--steps", type=int, default=Settings.steps)
    parser.add_argument("--batch-size", type=int, default=Settings.batch_size)
    parser.add_argument("--seed", type=int, default=Settings.seed)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads; more than one rarely pays at this size")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in the output folder")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=False)
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--checkpoint-every", type=int, default=Settings.checkpoint_every, metavar="STEPS")
    parser.add_argument("--evaluate-every", type=int, default=Settings.evaluate_every, metavar="STEPS")
    return parser


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line and train."""
    options = vars(_parser().parse_args(arguments))
    torch.set_num_threads(options.pop("threads"))
    pretrain(Settings(**options))


if __name__ == "__main__":
    main()
