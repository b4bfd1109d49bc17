"""What all commands share: errors as sentences, and exit codes."""

from __future__ import annotations

import os
from typing import Any

import typer
from typer.core import TyperGroup

from genrl.errors import GenrlError

#: What the user can mend exits like a wrong option, Ctrl-C as shells expect it.
MISTAKE, INTERRUPTED = 2, 130


class SentenceGroup(TyperGroup):
    """Prints a GenrlError as one paragraph and exits with 2. GENRL_TRACEBACK=1 shows where it came from."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except GenrlError as error:
            if os.environ.get("GENRL_TRACEBACK"):
                raise
            typer.secho(f"Error: {error}", fg="red", err=True)
            raise typer.Exit(MISTAKE) from None
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
