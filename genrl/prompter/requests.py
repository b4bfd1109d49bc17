"""Request sets: what users ask for, as TRL wants its data and as the rewards want it."""

from __future__ import annotations

from typing import Any

from genrl.errors import ConfigError, PromptError
from genrl.prompter.asking import Asking
from genrl.prompts import MapPrompts
from genrl.types import Prompt

#: Columns with a meaning to TRL or to the rewards below, besides the prompt.
TAKEN = ("completion", "completions", "completion_ids", "prompts", "request_index", "image", "images", "environment")


def prompts_of(table: MapPrompts) -> list[Prompt]:
    """Every request of a table with its columns, `index` its row."""
    rows = table.rows[:]
    texts = table.texts()
    names = [name for name in rows if name != table.column]
    return [Prompt(text, {name: rows[name][k] for name in names}, k) for k, text in enumerate(texts)]


def trl_dataset(table: MapPrompts, asking: Asking, least: int) -> Any:
    """A `datasets.Dataset` with a row for each request, for `GRPOTrainer`.

    prompt: what the writer is given. request: what the user said. request_index: its row in the table. The other columns
    are the table's, so that any reward function sees them. least: requests of one batch; TRL drops a smaller one.
    """
    clash = sorted(
        set(TAKEN) & set(table.rows.column_names) | ({"request", "prompt"} - {table.column}) & set(table.rows.column_names)
    )
    if clash:
        raise PromptError(f"{table.origin} has a column {clash[0]!r}, a name that TRL or its rewards use; rename the column.")
    if len(table) < least:
        raise ConfigError(
            f"{table.origin} has {len(table)} requests to train on, but a batch takes {least}; give more, or lower "
            "grpo.per_device_train_batch_size or raise grpo.num_generations."
        )
    texts = table.texts()
    # The index first: a table without its last column has no rows.
    rows = table.rows.add_column("request_index", list(range(len(texts)))).remove_columns([table.column])
    return rows.add_column("prompt", [asking(text) for text in texts]).add_column("request", texts)
