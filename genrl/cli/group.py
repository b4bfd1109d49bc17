"""What all commands share: errors as sentences, and exit codes."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from genrl import launched
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
            if not _told_elsewhere(error):
                where = f" (process {launched.rank()})" if launched.rank() else ""
                typer.secho(f"Error{where}: {error}", fg="red", err=True)
            raise typer.Exit(MISTAKE) from None
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None


def _told_elsewhere(error: GenrlError) -> bool:
    """Whether another process of the run says it: the first of the machine what is found before processes have met."""
    met = "torch" in sys.modules and sys.modules["torch"].distributed.is_initialized()
    return launched.rank() > 0 and error.shared if met else launched.local_rank() > 0
