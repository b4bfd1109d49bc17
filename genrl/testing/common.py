"""What every component owes its users: words for each field, and a configuration that builds it back."""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Any

from genrl.registry import is_component
from genrl.spec import merge, to_spec
from genrl.testing.check import NotApplicable, expect


def check_documents_every_field(component: Any) -> None:
    owner = type(component)
    if not is_component(component):
        raise NotApplicable("it is a plain function")
    text = inspect.getdoc(owner) or ""
    expect(bool(text) and not text.startswith(f"{owner.__name__}("), f"{owner.__name__} has no docstring.")
    silent = [f.name for f in dataclasses.fields(component) if f.init and not re.search(rf"\b{f.name}\b", text)]
    expect(not silent, f"The docstring of {owner.__name__} does not say what happens when {silent} go up or down.")


def check_is_its_own_configuration(component: Any) -> None:
    if not is_component(component):
        raise NotApplicable("it is a plain function")
    spec = {key: value for key, value in to_spec(component).items() if key != "name"}
    rebuilt = merge(component, spec)
    expect(rebuilt == component, f"Written out and read back, {component} becomes {rebuilt}.")


CHECKS = (check_documents_every_field, check_is_its_own_configuration)
