"""Names to components: what is refused, what is suggested, and how a plugin that does not load is reported."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from genrl import registry
from genrl.errors import ConfigError, GenrlError, PluginError
from genrl.registry import BUILTINS, component_name, entries, entry, kind_of, kinds, load_plugins, register
from genrl.solvers import Euler
from genrl.spec import from_spec

InstallPlugin = Callable[[str], None]


@pytest.fixture(autouse=True)
def untouched_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a test registers is gone after it."""
    load_plugins()
    monkeypatch.setattr(registry, "_tables", {kind: dict(table) for kind, table in registry._tables.items()})
    monkeypatch.setattr(registry, "_loaded", [True])
    yield
    sys.modules.pop("plugin_module", None)


@pytest.fixture
def install_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InstallPlugin:
    """Put a distribution with one module and one entry point on the path, as `pip install --target` would."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(source: str) -> None:
        (tmp_path / "plugin_module.py").write_text(source)
        info = tmp_path / "my_plugin-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-plugin\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text("[genrl.plugins]\nmine = plugin_module\n")
        registry._loaded.clear()

    return install


PLUGIN = """
from dataclasses import dataclass
from genrl import register

@register("perturber", "mine")
@dataclass(frozen=True)
class Mine:
    width: float = 2.0
"""


def test_names_are_taken_once() -> None:
    with pytest.raises(PluginError, match=r"solver 'euler' is already registered by genrl\.solvers\.euler\.Euler"):

        @register("solver", "euler")
        @dataclass(frozen=True)
        class Another:
            pass

    assert entry("solver", "euler").target is Euler


def test_one_name_may_be_taken_in_two_kinds() -> None:
    assert entry("steps", "every").target is not entry("anchors", "every").target


def test_only_frozen_dataclasses_are_components() -> None:
    class Plain:
        pass

    @dataclass
    class Mutable:
        pass

    for target in (Plain, Mutable):
        with pytest.raises(PluginError, match=f"{target.__name__} must be a frozen dataclass"):
            register("solver", "new")(target)
    assert "new" not in entries("solver")


def test_registering_tells_a_class_its_kind_and_name() -> None:
    @register("perturber", "tiny", note="a fact")
    @dataclass(frozen=True)
    class Tiny:
        pass

    found = entry("perturber", "tiny")
    assert (found.kind, found.name, found.facts) == ("perturber", "tiny", {"note": "a fact"})
    assert found.origin.endswith("test_registry.test_registering_tells_a_class_its_kind_and_name.<locals>.Tiny")
    assert component_name(Tiny()) == "tiny"


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("solver", "heunn", "There is no solver named 'heunn'; did you mean 'heun'"),
        ("algorithm", "neighbour-grpo", "did you mean 'neighbor-grpo'"),
        ("surrogate", "xyz", "There is no surrogate named 'xyz'. Known: gaussian, .*softmax-distance"),
    ],
)
def test_unknown_names_get_a_suggestion(kind: str, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        entry(kind, name)


def test_every_kind_is_declared_by_a_protocol() -> None:
    assert {"solver", "perturber", "steps", "anchors", "surrogate", "advantage", "ratio-loss", "algorithm"} <= set(kinds())
    assert kind_of(float) is None
    assert kind_of("Solver") is None


def test_entries_are_a_copy_in_order() -> None:
    found = entries("solver")
    found.clear()
    assert list(entries("solver")) == sorted(entries("solver"))
    assert "euler" in entries("solver")


def test_plugin_is_loaded_with_the_first_question(install_plugin: InstallPlugin) -> None:
    install_plugin(PLUGIN)
    assert from_spec("perturber", {"name": "mine", "width": 3.0}).width == 3.0
    assert entry("perturber", "mine").origin == "plugin_module.Mine"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import a_module_that_nobody_has", "ModuleNotFoundError: No module named 'a_module_that_nobody_has'"),
        ("def broken(:\n", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        (PLUGIN.replace("mine", "shared"), "perturber 'shared' is already registered by genrl.perturbers.shared.Shared"),
        (PLUGIN.replace("frozen=True", "frozen=False"), "Mine must be a frozen dataclass"),
    ],
)
def test_plugin_that_does_not_load_is_named_with_its_distribution(
    install_plugin: InstallPlugin, source: str, reason: str
) -> None:
    install_plugin(source)
    for _ in range(2):  # it does not pass the second time either
        with pytest.raises(PluginError) as caught:
            entries("solver")
        message = str(caught.value)
        assert message.startswith("Plugin 'mine' of my-plugin 1.2 does not load (")
        assert reason in message
        assert "pip uninstall my-plugin" in message
    assert isinstance(caught.value, GenrlError)


def test_builtin_modules_exist() -> None:
    assert all(name in sys.modules for name in BUILTINS)
