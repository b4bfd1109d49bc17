"""Running the checks: what a result says, how exceptions are declared, how a plugin is found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch

from genrl.errors import ConfigError, PluginError
from genrl.perturbers import Independent
from genrl.registry import Entry
from genrl.solvers import CPS, Euler
from genrl.testing import Result, assert_conforms, check_component, check_entry, check_plugin, checks_for
from tests.testing.broken import Wide

MARGINALS = "keeps-the-marginals"


def by_check(results: list[Result]) -> dict[str, Result]:
    return {result.check: result for result in results}


def test_a_declared_exception_that_fails_is_skipped_with_its_reason() -> None:
    result = by_check(check_component(CPS()))[MARGINALS]
    assert result.error is None and not result.passed
    assert result.skipped == f"declared: {CPS.exceptions[MARGINALS]}"


def test_a_declared_exception_that_passes_is_an_error() -> None:
    results = check_component(Euler(), exceptions={MARGINALS: "no reason"})
    assert [str(result) for result in results if result.error] == [
        "solver euler: keeps-the-marginals: passes, so the exception that is declared for it has to go."
    ]


def test_a_declared_exception_that_is_no_check_is_an_error() -> None:
    result = by_check(check_component(Euler(), exceptions={"keeps-the-marginal": "?"}))["keeps-the-marginal"]
    assert "did you mean 'keeps-the-marginals'?" in str(result.error)


def test_what_is_not_registered_needs_a_kind() -> None:
    with pytest.raises(ConfigError, match="say which kind it is"):
        check_component(Wide(Independent()))
    failed = [result for result in check_component(Wide(Independent()), "perturber") if result.error]
    assert "rows-of-one-draw-are-standard-normal" in {result.check for result in failed}
    with pytest.raises(AssertionError, match="perturber Wide: rows-of-one-draw"):
        assert_conforms(failed)


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'perturber'"):
        checks_for("pertuber")


def test_component_without_defaults_says_what_it_needs() -> None:
    @dataclass(frozen=True)
    class Judge:
        url: str
        name: ClassVar[str] = "judge"

    (result,) = check_entry(Entry("reward", "judge", Judge))
    assert result.error is None and "no default for url" in str(result.skipped)


def test_plain_function_is_a_reward() -> None:
    def flat(prompts, completions, **columns):
        return [0.5] * len(prompts)

    results = by_check(check_entry(Entry("reward", "flat", flat)))
    assert_conforms(results.values())
    assert results["documents-every-field"].skipped == "it is a plain function"
    assert results["does-not-depend-on-the-batch"].passed


def test_rewards_on_latents_in_groups_and_with_a_gradient_pass() -> None:
    class Spread:
        media, group_wise, differentiable, bounds, example_shape = "latent", True, True, (0.0, 100.0), (16, 4, 4)

        def __call__(self, prompts, completions, groups, **columns):
            assert completions.shape[1:] == (16, 4, 4)
            flat, group = completions.flatten(1), torch.tensor(groups)
            return torch.stack([(flat - flat[group == g].mean(0))[b].square().mean() for b, g in enumerate(groups)])

    results = check_component(Spread(), "reward", exceptions={})
    assert_conforms(results)
    assert {result.check for result in results if result.skipped} == {"is-its-own-configuration", "documents-every-field"}


def test_a_package_is_checked_by_its_import_name() -> None:
    results = check_plugin("genrl.perturbers")
    assert {result.component for result in results} == {
        "perturber independent",
        "perturber neighborhood",
        "perturber shared",
    }
    assert all(result.passed for result in results)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_plugin", "There is no plugin, distribution or module 'no_such_plugin'"),
        ("json", "'json' registers nothing"),
    ],
)
def test_what_is_no_plugin_is_refused(name: str, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        check_plugin(name)
