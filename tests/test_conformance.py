"""Every registered name is under the checks of its kind, automatically."""

from __future__ import annotations

import pytest

from genrl.config.world import WORLD
from genrl.models import DiffusersModel, load_model
from genrl.registry import Entry, entries, kinds
from genrl.scenes.folder import MODEL_FOLDER
from genrl.testing import Check, ToyModel, assert_conforms, check_model, checks_for
from genrl.testing.suite import built, exceptions_of, lacking
from tests.models.recording import families
from tests.tiny_pipelines import build

ENTRIES = [entry for kind in kinds() for entry in entries(kind).values()]
CASES = [
    pytest.param(entry, check, id=f"{entry.kind}-{entry.name}-{check.name}")
    for entry in ENTRIES
    if lacking(entry) is None
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
    shipped = [entry for entry in ENTRIES if entry.target.__module__.startswith("genrl.")]
    declared = {(entry.kind, entry.name): set(exceptions_of(entry)) for entry in shipped}
    assert {name: checks for name, checks in declared.items() if checks} == {
        ("algorithm", "neighbor-grpo-paper"): {"ratio-is-one-at-unchanged-weights"},
        ("solver", "cps"): {"keeps-the-marginals"},
    }


def test_what_cannot_be_built_by_default_is_these_and_no_others() -> None:
    """Checked on tiny networks in tests/rewards, behind servers in tests/serving."""
    shipped = [entry for entry in ENTRIES if entry.target.__module__.startswith("genrl.")]
    assert {(entry.kind, entry.name) for entry in shipped if lacking(entry)} == {
        ("reward", "aesthetic"),
        ("reward", "clip-score"),
        ("reward", "dino-diversity"),
        ("reward", "hpsv2"),
        ("reward", "per-frame"),
        ("reward", "pickscore"),
        ("reward", "remote"),
        ("reward", "siglip-score"),
        ("reward", "vlm-judge"),
    }


def test_every_kind_has_checks_and_components() -> None:
    for kind in kinds():
        assert len(checks_for(kind)) >= 3
        assert entries(kind) or kind == "model", f"nothing is registered as {kind}"  # a model is a folder


def test_toy_model_is_a_flow_model() -> None:
    assert_conforms(check_model(ToyModel()))


@pytest.mark.parametrize("family", families())
def test_tiny_pipeline_is_a_flow_model(family: str) -> None:
    tiny = build(family)
    assert_conforms(check_model(trainable(DiffusersModel(tiny.pipe, tiny.call))))


def test_embedded_model_is_a_flow_model() -> None:
    assert_conforms(check_model(trainable(load_model(MODEL_FOLDER, call=WORLD["model"]["call"]))))


def trainable(model: DiffusersModel) -> DiffusersModel:
    for network in model.networks.values():
        network.requires_grad_(True)
    return model
