"""Every registered name is under the checks of its kind, automatically."""

from __future__ import annotations

import pytest

from genrl.registry import Entry, entries, kinds
from genrl.testing import Check, ToyModel, check_model, checks_for
from genrl.testing.suite import built, exceptions_of

ENTRIES = [entry for kind in kinds() for entry in entries(kind).values()]
CASES = [
    pytest.param(entry, check, id=f"{entry.kind}-{entry.name}-{check.name}")
    for entry in ENTRIES
    for check in checks_for(entry.kind)
]


@pytest.mark.parametrize(("entry", "check"), CASES)
def test_component_passes_the_check(entry: Entry, check: Check) -> None:
    result = check.run(built(entry), f"{entry.kind} {entry.name}", exceptions_of(entry))
    assert result.error is None, result.error
    if result.skipped:
        pytest.skip(result.skipped)


def test_declared_exceptions_are_these_and_no_others() -> None:
    """A new exception is a decision; it is made here as well as at the component."""
    declared = {(entry.kind, entry.name): set(exceptions_of(entry)) for entry in ENTRIES}
    assert {name: checks for name, checks in declared.items() if checks} == {
        ("algorithm", "neighbor-grpo-paper"): {"ratio-is-one-at-unchanged-weights"},
        ("solver", "cps"): {"keeps-the-marginals"},
    }


def test_every_kind_has_checks_and_components() -> None:
    for kind in kinds():
        assert len(checks_for(kind)) >= 3
        assert entries(kind) or kind == "model", f"nothing is registered as {kind}"


def test_toy_model_is_a_flow_model() -> None:
    assert [str(result) for result in check_model(ToyModel()) if not result.passed] == []
