"""Text encodings: each text is encoded once, alone, and batches are put together from what was kept."""

from __future__ import annotations

from collections.abc import Callable, Hashable, MutableMapping, Sequence
from functools import lru_cache
from typing import Any, Literal

import torch
from torch import Tensor

from genrl.errors import ModelError

#: Texts to what `encode_prompt` answers for them.
Encode = Callable[[list[str]], Any]
#: How one of its outputs follows the batch: a row for each text, a list with one entry for each text, the padding mask
#: that exists only where lengths differ, the texts' lengths summed up from 0, or the same for any batch (position ids, None).
Kind = Literal["rows", "list", "mask", "lengths", "shared"]

#: Two texts of different length, encoded alone and together to learn how outputs follow the batch.
SHORT, LONG = "a", "a photo of a red cat beside a blue dog"


class Encodings:
    """What one `encode_prompt` of a pipeline answers, kept on the CPU for each text.

    `encode` is the call as the pipeline makes it; `encode_unguided` the same call without its negative prompt, if it has
    one: the negative outputs are then encoded once, not again with each text. `rows` is where they are kept.
    """

    def __init__(
        self,
        encode: Encode,
        encode_unguided: Encode | None = None,
        rows: MutableMapping[str, tuple[Any, ...]] | None = None,
    ) -> None:
        one, two = _leaves(encode([SHORT])), _leaves(encode([SHORT, LONG]))
        if encode_unguided is not None and not _negative_is_constant(encode, encode_unguided):
            encode_unguided = None
        self._encode = encode_unguided or encode
        self._kinds = tuple(_kind(a, b) for a, b in zip(one, two, strict=True))
        self._axes = tuple(_row_axis(a, b) for a, b in zip(one, two, strict=True))
        self._constants = self._rows_first(one) if encode_unguided else (None,) * len(one)
        self._pair = two
        self._rows = {} if rows is None else rows
        self._shapes: dict[str, tuple[Any, ...]] = {}
        # A rollout asks for the same batch at every step; no more entries, as each is large with a large encoder.
        self._assembled = lru_cache(maxsize=2)(self._assemble)
        self.add((SHORT, LONG))
        uneven, same = self._shapes[SHORT] != self._shapes[LONG], self._gives((SHORT, LONG), two)
        #: Whether texts of different length may stand in one batch: padding them was seen to give what the pipeline gives.
        self.mixes = uneven and same
        alone = ((SHORT, SHORT), (LONG,)) if uneven and not same else ()
        if not (uneven or same) or not all(self._gives(texts, _leaves(encode(list(texts)))) for texts in alone):
            raise ModelError(
                "This pipeline encodes a text differently when other texts stand beside it, so encodings cannot be kept "
                "for each text; choose a pipeline whose encode_prompt treats the rows of a batch independently."
            )

    def __contains__(self, text: str) -> bool:
        return text in self._rows

    def together(self, text: str) -> Hashable:
        """Texts for which this is equal may stand in one batch."""
        return None if self.mixes else self._shapes[text]

    def add(self, texts: Sequence[str]) -> None:
        """Encode those of `texts` that are not kept yet."""
        for text in texts:
            if text not in self._rows:
                self._rows[text] = self._rows_first(_leaves(self._encode([text])))
                leaves = zip(self._row(text), self._kinds, strict=True)
                self._shapes[text] = tuple(leaf.shape if kind == "rows" else None for leaf, kind in leaves)

    def forget(self, texts: Sequence[str]) -> None:
        """Keep these texts no longer; the two that outputs are learnt from stay."""
        for text in set(texts) - {SHORT, LONG}:
            if text in self._rows:
                del self._rows[text], self._shapes[text]

    def batch(self, texts: tuple[str, ...], device: torch.device) -> Any:
        """The outputs for a batch, equal to what the pipeline would have encoded for it."""
        return _outputs(self._assembled(texts, device))

    def stand_in(self, texts: tuple[str, ...], device: torch.device) -> Any:
        """The outputs for a batch with which nothing is computed, at the memory of one row where all texts are alike."""
        if len(set(texts)) > 1 or not all(kind in ("rows", "shared") for kind in self._kinds):
            return _outputs(self._assemble(texts, device))
        one, placed = self._assemble(texts[:1], device), zip(self._kinds, self._axes, strict=True)
        sizes = [{axis: len(texts)} if kind == "rows" else {} for kind, axis in placed]
        return _outputs(tuple(_expanded(leaf, size) for leaf, size in zip(one, sizes, strict=True)))

    def _assemble(self, texts: tuple[str, ...], device: torch.device) -> tuple[Any, ...]:
        distinct = list(dict.fromkeys(texts))
        missing = [text for text in distinct if text not in self._rows]
        if missing:
            raise ModelError(f"The prompt {missing[0]!r} was never encoded; pass it to model.encode() first.")
        position = {text: row for row, text in enumerate(distinct)}
        index = [position[text] for text in texts]
        rows = [self._row(text) for text in distinct]
        return tuple(self._join(j, rows, index, device) for j in range(len(self._kinds)))

    def _join(self, j: int, rows: list[tuple[Any, ...]], index: list[int], device: torch.device) -> Any:
        parts = [row[j] for row in rows]
        kind = self._kinds[j]
        if kind == "list":
            entries = [_sent(part[0], device) for part in parts]
            return [entries[i] for i in index]
        if kind == "shared":
            return _sent(parts[0], device)
        if kind == "lengths":
            lengths = torch.cat([part[1:] for part in parts])[index]
            return _sent(torch.cat([lengths.new_zeros(1), lengths.cumsum(0).to(lengths.dtype)]), device)
        joined = _stack(parts) if kind == "rows" else self._mask(rows, self._pair[j].dtype)
        if joined is None:
            return None
        joined = _sent(joined, device)
        if index != list(range(len(rows))):
            joined = joined[_sent(torch.tensor(index), device)]
        return joined.movedim(0, self._axes[j])

    def _rows_first(self, leaves: tuple[Any, ...]) -> tuple[Any, ...]:
        placed = zip(leaves, self._axes, strict=True)
        return tuple(leaf.movedim(axis, 0) if axis and not _empty(leaf) else leaf for leaf, axis in placed)

    def _row(self, text: str) -> tuple[Any, ...]:
        """What is kept of a text, and the negative outputs that all texts share."""
        return tuple(c if _empty(x) else x for x, c in zip(self._rows[text], self._constants, strict=True))

    def _gives(self, texts: tuple[str, ...], theirs: tuple[Any, ...]) -> bool:
        """Whether the kept rows, put together, are what the pipeline answers for these texts."""
        return all(map(_close, self._assemble(texts, torch.device("cpu")), theirs))

    def _mask(self, rows: list[tuple[Any, ...]], dtype: torch.dtype) -> Tensor | None:
        """(B, longest) ones where a row has tokens; None if all rows are equally long."""
        tokens = [j for j, kind in enumerate(self._kinds) if kind == "rows" and rows[0][j].ndim > 2]
        if not tokens:
            raise ModelError("encode_prompt of this pipeline answers with a mask but no tokens; choose another pipeline.")
        lengths = torch.tensor([row[tokens[0]].shape[1] for row in rows])
        if bool((lengths == lengths[0]).all()):
            return None
        return (torch.arange(int(lengths.max())) < lengths[:, None]).to(dtype)


def _outputs(leaves: tuple[Any, ...]) -> Any:
    """The leaves as `encode_prompt` answers; its lists are the caller's own."""
    leaves = tuple(list(leaf) if isinstance(leaf, list) else leaf for leaf in leaves)
    return leaves if len(leaves) > 1 else leaves[0]


def _sent(leaf: Any, device: torch.device) -> Any:
    """A tensor on the device, without waiting for it."""
    return leaf.to(device, non_blocking=True) if isinstance(leaf, Tensor) else leaf


def _expanded(leaf: Any, sizes: dict[int, int]) -> Any:
    """A view in which axes of length one have other sizes."""
    if not isinstance(leaf, Tensor) or not sizes:
        return leaf
    return leaf.expand([sizes.get(axis, -1) for axis in range(leaf.ndim)])


def _negative_is_constant(encode: Encode, encode_unguided: Encode) -> bool:
    """Whether the outputs that the unguided call leaves out are the same for every text; some are padded to its length."""
    one, other, left_out = (_leaves(call([text])) for call, text in ((encode, SHORT), (encode, LONG), (encode_unguided, SHORT)))
    return all(_close(a, b) for a, b, c in zip(one, other, left_out, strict=True) if _empty(c))


def _leaves(outputs: Any) -> tuple[Any, ...]:
    """The outputs as a tuple, moved to the CPU."""
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return tuple(_kept(leaf) for leaf in outputs)


def _kept(leaf: Any) -> Any:
    if isinstance(leaf, Tensor):
        return leaf.detach().cpu()
    if isinstance(leaf, list):
        return [_kept(entry) for entry in leaf]
    if leaf is None or isinstance(leaf, (int, float, bool)):
        return leaf
    raise ModelError(
        f"encode_prompt of this pipeline answers with a {type(leaf).__name__}, and only tensors, lists of them, numbers "
        "and None can be kept for each text; choose another pipeline."
    )


def _empty(leaf: Any) -> bool:
    return leaf is None or (isinstance(leaf, list) and not leaf)


def _kind(one: Any, two: Any) -> Kind:
    """How an output follows the batch, from the encodings of one and of two texts."""
    if isinstance(two, list):
        return "list" if len(one) == 1 and len(two) == 2 else "shared"
    if not isinstance(two, Tensor):
        return "shared"
    if one is None:
        return "mask"
    if one.ndim == 1 and not one.is_floating_point() and (len(one), len(two)) == (2, 3) and int(one[0]) == 0:
        return "lengths"
    return "rows" if (1, 2) in zip(one.shape, two.shape, strict=True) else "shared"


def _row_axis(one: Any, two: Any) -> int:
    """The axis of an output that counts the texts; 0 where there is none."""
    if not isinstance(one, Tensor) or (1, 2) not in zip(one.shape, two.shape, strict=True):
        return 0
    return list(zip(one.shape, two.shape, strict=True)).index((1, 2))


def _stack(parts: list[Tensor]) -> Tensor:
    """Rows (1, ...) to (B, ...); shorter rows are padded with zeros at their end."""
    if all(part.shape == parts[0].shape for part in parts):
        return torch.cat(parts)
    longest = [max(sizes) for sizes in zip(*(part.shape[1:] for part in parts), strict=True)]
    stacked = parts[0].new_zeros(len(parts), *longest)
    for row, part in zip(stacked, parts, strict=True):
        row[tuple(slice(size) for size in part.shape[1:])] = part[0]
    return stacked


def _close(ours: Any, theirs: Any) -> bool:
    """Equal up to the rounding that a different batch size brings."""
    if isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(_close, ours, theirs))
    if not isinstance(theirs, Tensor):
        return ours == theirs
    if not isinstance(ours, Tensor) or ours.shape != theirs.shape:
        return False
    tolerance = 1e-3 if theirs.dtype in (torch.float32, torch.float64) else 5e-2
    return bool((ours.double() - theirs.double()).norm() <= tolerance * theirs.double().norm())
