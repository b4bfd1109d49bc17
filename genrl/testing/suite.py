"""Which checks a component has to pass, and running them: on one component, on one name, on a whole plugin."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from genrl.errors import ConfigError
from genrl.protocols import FlowModel
from genrl.registry import Entry, component_name, suggestion
from genrl.testing import (
    advantages,
    algorithms,
    common,
    faithfulness,
    losses,
    matching,
    models,
    noising,
    perturbers,
    prompts,
    rewards,
    selection,
    snapshots,
    solvers,
    surrogates,
)
from genrl.testing.check import Check, Result
from genrl.testing.plugins import entries_of

_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "advantage": (*common.CHECKS, *advantages.CHECKS),
    "algorithm": (common.check_is_its_own_configuration, *algorithms.CHECKS),
    "anchors": (*common.CHECKS, *selection.ANCHOR_CHECKS),
    "faithfulness": (*common.CHECKS, *faithfulness.CHECKS),
    "matching-loss": (*common.CHECKS, *matching.LOSS_CHECKS),
    "matching-regularizer": (*common.CHECKS, *matching.REGULARIZER_CHECKS),
    "members": (*common.CHECKS, *selection.MEMBER_CHECKS),
    "model": models.CHECKS,
    "perturber": (*common.CHECKS, *perturbers.CHECKS),
    "prompts": (*common.CHECKS, *prompts.CHECKS),
    "ratio-loss": (*common.CHECKS, *losses.RATIO_LOSS_CHECKS),
    "regularizer": (*common.CHECKS, *losses.REGULARIZER_CHECKS),
    "reward": (*common.CHECKS, *rewards.CHECKS),
    "sharing": (*common.CHECKS, *noising.SHARING_CHECKS),
    "snapshot": (*common.CHECKS, *snapshots.CHECKS),
    "solver": (*common.CHECKS, *solvers.CHECKS),
    "step-weight": (*common.CHECKS, *losses.STEP_WEIGHT_CHECKS),
    "steps": (*common.CHECKS, *selection.STEP_CHECKS),
    "surrogate": (*common.CHECKS, *surrogates.CHECKS),
    "times": (*common.CHECKS, *noising.TIME_CHECKS),
}


def checks_for(kind: str) -> list[Check]:
    """The checks of a kind; ConfigError for a kind that has none."""
    if kind not in _FUNCTIONS:
        raise ConfigError(f"There are no checks for the kind {kind!r}{suggestion(kind, _FUNCTIONS)}")
    return [Check(kind, function) for function in _FUNCTIONS[kind]]


def check_component(
    component: Any, kind: str | None = None, *, exceptions: Mapping[str, str] | None = None, label: str | None = None
) -> list[Result]:
    """Run the checks of its kind on one component, with the hyperparameters it has.

    kind: needed for what is not registered itself, such as the `PolicyGradient` that a recipe returns.
    exceptions: check name -> why it cannot hold; None takes the component's own `exceptions`. A check that is declared and
    passes all the same is an error, and so is a name that no check has.
    """
    kind = kind or getattr(type(component), "kind", None)
    if kind is None:
        raise ConfigError(f"{component!r} is not registered; say which kind it is, as in kind='algorithm'.")
    label = label or f"{kind} {component_name(component)}"
    declared = dict(getattr(component, "exceptions", {}) if exceptions is None else exceptions)
    checks = checks_for(kind)
    names = [check.name for check in checks]
    unknown = [name for name in declared if name not in names]
    results = [check.run(component, label, declared) for check in checks]
    return results + [
        Result(label, name, error=f"an exception is declared for a check that does not exist{suggestion(name, names)}")
        for name in unknown
    ]


def check_entry(entry: Entry) -> list[Result]:
    """Run the checks on what a registered name gives with its default hyperparameters.

    A recipe declares exceptions where it is registered: `@register("algorithm", "mine", exceptions={...})`.
    """
    label, lack = f"{entry.kind} {entry.name}", lacking(entry)
    if lack:
        reason = f"it has no {lack}; call genrl.testing.check_component on one that you built"
        return [Result(label, "all", skipped=reason)]
    return check_component(built(entry), entry.kind, exceptions=exceptions_of(entry), label=label)


def lacking(entry: Entry) -> str | None:
    """Why its default hyperparameters do not make something that can be checked, in words; None if they do.

    A field may have no default, or the name was registered with `needs=`: what it fetches from elsewhere.
    """
    missing = _required_fields(entry.target)
    return f"default for {', '.join(missing)}" if missing else entry.facts.get("needs")


def exceptions_of(entry: Entry) -> dict[str, str]:
    """What a registered name declares: a recipe at its registration, a class as its `exceptions`."""
    return dict(entry.facts.get("exceptions", getattr(entry.target, "exceptions", {})))


def built(entry: Entry) -> Any:
    """The component with default hyperparameters. A reward may be a plain function, which is the reward itself."""
    plain = entry.kind == "reward" and not isinstance(entry.target, type)
    return entry.target if plain else entry.target()


def check_plugin(name: str) -> list[Result]:
    """Run the checks on everything that a plugin registers.

    name: of an entry point of the group `genrl.plugins`, of a distribution that has one, or of an importable module or package.
    PluginError if it is none of these, does not load, or registers nothing.
    """
    return [result for entry in entries_of(name) for result in check_entry(entry)]


def check_model(model: FlowModel) -> list[Result]:
    """Run the checks of a flow model; give it tiny random weights."""
    return check_component(model, "model", label=f"model {type(model).__name__}")


def assert_conforms(results: Iterable[Result]) -> None:
    """AssertionError with one line for each failed check: for a plugin's own tests."""
    failed = [str(result) for result in results if result.error]
    if failed:
        raise AssertionError("\n".join(failed))


def _required_fields(target: Any) -> list[str]:
    if not dataclasses.is_dataclass(target):
        return []
    missing = dataclasses.MISSING
    return [f.name for f in dataclasses.fields(target) if f.init and f.default is missing and f.default_factory is missing]
