"""From a cell of a data set to the text of a prompt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from genrl.errors import PromptError

PROMPT_COLUMNS = ("prompt", "text", "request")


def pick_column(columns: Iterable[str], wanted: str | None, origin: str) -> str:
    """The column that holds the prompts: `wanted`, else the first of `PROMPT_COLUMNS`; PromptError listing what there is."""
    present = list(columns)
    for name in PROMPT_COLUMNS if wanted is None else (wanted,):
        if name in present:
            return name
    lacking = " or ".join(repr(name) for name in PROMPT_COLUMNS) if wanted is None else repr(wanted)
    raise PromptError(
        f"{origin} has no column {lacking}; it has {', '.join(map(repr, present))}. "
        "Rename the column that holds the prompts, or name it with prompts.column."
    )


def prompt_text(cell: Any, origin: str, row: int) -> str:
    """The prompt in a cell: the cell itself, or the last user message of a conversation.

    `origin` and `row` (counted from 1, as editors do) are for the message of the PromptError.
    """
    text = _last_user_text(cell, origin, row) if isinstance(cell, list) else cell
    if text is None or (isinstance(text, str) and not text.strip()):
        raise PromptError(f"Row {row} of {origin} has an empty prompt; fill it in or delete the row.")
    if not isinstance(text, str):
        raise PromptError(
            f"Row {row} of {origin} has {text!r} ({type(text).__name__}) for a prompt; "
            "a prompt is text, or a conversation of {role, content} messages."
        )
    return text


def _last_user_text(messages: list[Any], origin: str, row: int) -> Any:
    for message in reversed(messages):
        if not isinstance(message, dict) or not {"role", "content"} <= message.keys():
            raise PromptError(
                f"Row {row} of {origin} has a list for a prompt whose items are not {{role, content}} messages; "
                "make it text or a conversation."
            )
        if message["role"] == "user":
            return _joined(message["content"])
    raise PromptError(f"Row {row} of {origin} is a conversation without a message of the user; add one.")


def _joined(content: Any) -> Any:
    """The text of a message: the content, or its parts {"type": "text", "text": ...} one after the other."""
    if not isinstance(content, list):
        return content
    return "\n".join(part["text"] for part in content if isinstance(part, dict) and part.get("type") == "text")
