"""Annotations that say which numbers a setting may be; `values.validated` enforces them, in any component."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

#: Whole numbers.
Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]

#: Numbers.
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
BelowOne = Annotated[float, Field(ge=0.0, lt=1.0)]
