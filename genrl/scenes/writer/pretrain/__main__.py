"""Train the embedded prompt writer: ``python -m genrl.scenes.writer.pretrain --output DIR``."""

import argparse
from pathlib import Path

import torch

from genrl.scenes.writer.pretrain.loop import Settings, pretrain


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m genrl.scenes.writer.pretrain", description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="folder for the writer and its numbers")
    parser.add_argument("--steps", type=int, default=Settings.steps)
    parser.add_argument("--batch-size", type=int, default=Settings.batch_size)
    parser.add_argument("--seed", type=int, default=Settings.seed)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads; more than one rarely pays at this size")
    return parser


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line and train."""
    options = vars(_parser().parse_args(arguments))
    torch.set_num_threads(options.pop("threads"))
    pretrain(Settings(**options))


if __name__ == "__main__":
    main()
