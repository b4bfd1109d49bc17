"""What goes wrong inside `datasets` becomes one sentence of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from genrl.errors import PromptError


@contextmanager
def reading(origin: str) -> Iterator[None]:
    """Turn the errors of reading (format, split, network, permission) into a PromptError that names `origin`."""
    from datasets.exceptions import DatasetsError

    # ValueError covers the readers' own errors: pyarrow's, pandas' and json's are all subclasses.
    try:
        yield
    except (DatasetsError, ValueError, OSError) as error:
        # The builder's own message ("An error occurred while generating the dataset") says nothing; its cause does.
        reason = error.__cause__ if isinstance(error, DatasetsError) and error.__cause__ else error
        raise PromptError(
            f"{origin} cannot be read ({type(reason).__name__}: {reason}). "
            "Check that it is complete and well-formed, that it has at least one row, and that the split exists."
        ) from error
