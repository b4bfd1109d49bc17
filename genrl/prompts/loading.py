"""One call from what the user typed to a source of prompts."""

from __future__ import annotations

from genrl.data_protocols import PromptSource
from genrl.errors import PromptError
from genrl.prompts.heldout import check_disjoint, distinct, split_heldout
from genrl.prompts.mapped import MapPrompts
from genrl.prompts.reading import reading
from genrl.prompts.rows import HELDOUT_SPLITS, load_rows, split_names
from genrl.prompts.streaming import StreamingPrompts


def load_prompts(
    source: str,
    *,
    split: str = "train",
    column: str | None = None,
    streaming: bool = False,
    seed: int = 0,
    shuffle: bool = True,
    revision: str | None = None,
) -> MapPrompts | StreamingPrompts:
    """Prompts of one split, in a seeded endless order.

    source: a registered name, a file (.txt, .jsonl, .json, .csv, .parquet), a directory of files of one format (the
    words "train", "test", "validation" and "heldout" in their paths tell the splits) or a hub id `owner/name`. A
    registered name comes first: write `./scenes` for a file of that name.
    column: where the prompts are; None takes "prompt", else "text", else "request". A conversation gives its last user message.
    streaming: read rows as they are needed instead of loading all of them first.
    seed, shuffle: see `MapPrompts`.
    revision: commit, tag or branch on the hub.

    Raises PromptError.
    """
    with reading(f"Split {split!r} of {source}"):
        rows = load_rows(source, split, streaming, revision)
    kind = StreamingPrompts if streaming else MapPrompts
    return kind(rows, column=column, seed=seed, shuffle=shuffle, origin=source)


def load_heldout(source: str, *, column: str | None = None, seed: int = 0, revision: str | None = None) -> MapPrompts:
    """Prompts to evaluate on, each text once: the held-out split of a source, or the whole of it if it has only one.

    Shuffled by `seed`, so that the first n are a fair sample of all.
    """
    with reading(source):
        splits = split_names(source, revision)
    split = _heldout_split(splits) or splits[0]
    if len(splits) > 1 and split not in HELDOUT_SPLITS:
        raise PromptError(
            f"{source} has the splits {', '.join(splits)}, none of which is {', '.join(HELDOUT_SPLITS)}; "
            "give the held-out prompts as a file of their own."
        )
    prompts = load_prompts(source, split=split, column=column, seed=seed, revision=revision)
    assert isinstance(prompts, MapPrompts)
    return distinct(prompts)


def train_and_heldout(
    source: str,
    heldout: str | None = None,
    *,
    count: int,
    split: str = "train",
    column: str | None = None,
    streaming: bool = False,
    seed: int = 0,
    shuffle: bool = True,
    revision: str | None = None,
) -> tuple[PromptSource, MapPrompts]:
    """The two prompt sources of a run; no text is in both.

    heldout: where the held-out prompts are; None takes the held-out split of `source` if it has one, else sets `count`
    distinct texts of `split` aside. The other arguments as in `load_prompts`.
    """
    train = load_prompts(source, split=split, column=column, streaming=streaming, seed=seed, shuffle=shuffle, revision=revision)
    if not heldout:
        with reading(source):
            splits = split_names(source, revision)
        if _heldout_split(splits) is None:
            if isinstance(train, StreamingPrompts):
                raise PromptError(
                    f"{source} has no held-out split and a stream cannot be divided; give held-out prompts as a file."
                )
            return split_heldout(train, count=count, seed=seed)
    held = load_heldout(heldout or source, column=column, seed=seed, revision=None if heldout else revision)
    return check_disjoint(train, held), held


def _heldout_split(splits: list[str]) -> str | None:
    return next((name for name in HELDOUT_SPLITS if name in splits), None)
