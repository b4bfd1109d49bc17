"""What a language model is asked for a request, and what is read from its answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from genrl.errors import ConfigError

#: Where the request stands in a template.
PLACE = "{request}"
INSTRUCTION = (
    "Rewrite the request as one prompt for a text-to-image model. Keep everything that it asks for. "
    f"Answer with the prompt alone.\n\nRequest: {PLACE}\nPrompt:"
)


@dataclass(frozen=True)
class Asking:
    """A template with `PLACE` in it; `chat` makes it the user's message of a conversation."""

    template: str = INSTRUCTION
    chat: bool = False

    def __post_init__(self) -> None:
        if PLACE not in self.template:
            raise ConfigError(f"writer.template has no {PLACE} in it, so the writer would never see the request; put it in.")

    def __call__(self, request: str) -> str | list[dict[str, str]]:
        """In one of TRL's two forms: text that is continued, or a conversation that is answered."""
        text = self.template.replace(PLACE, request)
        return [{"role": "user", "content": text}] if self.chat else text


def prompt_of(completion: Any) -> str:
    """The prompt in a completion as TRL hands it over, on one line; nothing is made up for an empty one."""
    text = completion if isinstance(completion, str) else completion[-1]["content"]
    return " ".join(text.split())
