"""Layers: who wins, and that what is written is what is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from genrl import registry
from genrl.config import resolve, to_plain, to_yaml
from genrl.config.presets import FOLDER, load_preset, preset_names
from genrl.config.text import parse, read_mapping
from genrl.errors import ConfigError
from genrl.registry import entries, load_plugins
from genrl.settings import RewardSettings
from genrl.solvers import Heun
from genrl.spec import from_spec, override

load_plugins()
ALGORITHMS = list(entries("algorithm"))
#: Changes that a family of recipes has settings for.
CHANGES = {"PolicyGradient": ["regularizers=[kl-old, {name: kl-velocity, beta: 1e-3}]", "train_solver=null"]}


def family_changes(name: str) -> list[str]:
    return CHANGES.get(type(from_spec("algorithm", name)).__name__, [])


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("preset", ["none", None])
def test_yaml_resolves_to_an_equal_config(name: str, preset: str | None, tmp_path: Path) -> None:
    config = resolve(name, preset=preset, sets=[*family_changes(name), "run.seed=3"])
    path = tmp_path / "run.yaml"
    path.write_text(to_yaml(config))
    assert resolve(config=path) == config
    assert to_yaml(resolve(config=path)) == to_yaml(config)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_changed_config_survives_too(name: str, tmp_path: Path) -> None:
    config = resolve(
        name,
        sets=[
            *family_changes(name),
            "model.call={height: 32, negative_prompt: no}",
            "train.mixed_precision=no",
            "rewards=[{name: jpeg-size, weight: -0.5}, random]",
            "prompts.column='1e5'",
            "run.report_to=wandb",
        ],
    )
    assert config.model.call == {"height": 32, "negative_prompt": "no"}
    assert config.prompts.column == "1e5"
    path = tmp_path / "run.yaml"
    path.write_text(to_yaml(config))
    assert resolve(config=path) == config


def test_recipe_facts_lie_over_defaults_and_under_everything_else() -> None:
    plain = resolve("mix-grpo", preset="none")
    assert (plain.sampling.steps, plain.sampling.group_size) == (25, 12)
    layers: dict[str, Any] = {"config": {"sampling": {"steps": 9, "group_size": 7}}}
    assert resolve("mix-grpo", preset="none", **layers).sampling.steps == 9
    layers["sets"] = ["sampling.steps=10"]
    assert resolve("mix-grpo", preset="none", **layers).sampling.steps == 10
    layers["flags"] = {"sampling.steps": 11}
    config = resolve("mix-grpo", preset="none", **layers)
    assert (config.sampling.steps, config.sampling.group_size) == (11, 7)


def test_a_preset_lies_over_the_recipe_and_under_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "scenes.yaml").write_text(
        "all: {train: {max_steps: 3, rows: 5}, perturber: {name: neighborhood, sigma: 0.1}}\n"
        "mix-grpo: {train: {max_steps: 4}, algorithm: {update_every: 1}}\n"
    )
    monkeypatch.setattr("genrl.config.presets.FOLDER", tmp_path)
    config = resolve("mix-grpo")
    assert (config.train.max_steps, config.train.rows) == (4, 5)
    assert (config.algorithm.perturber.sigma, config.algorithm.update_every) == (0.1, 1)
    assert resolve("dance-grpo").train.max_steps == 3
    assert resolve("mix-grpo", config={"train": {"max_steps": 6}}).train.max_steps == 6
    assert resolve("mix-grpo", preset="none").train.max_steps == 300


@pytest.mark.parametrize(
    "asked", [{"flags": {"model.path": "a/b"}}, {"sets": ["model.path=a/b"]}, {"config": {"model": {"path": "a/b"}}}]
)
def test_the_preset_and_the_world_of_scenes_belong_to_the_model_scenes(asked: dict[str, Any]) -> None:
    scenes, other = resolve(), resolve(**asked)
    assert (scenes.rewards, scenes.prompts.source) == ((RewardSettings("scenes"),), "scenes")
    assert (other.rewards, other.prompts.source) == ((), "")
    assert other == resolve(preset="none", **asked)
    assert resolve(preset="scenes", **asked).train == scenes.train


@pytest.mark.parametrize("name", preset_names())
def test_shipped_presets_fit_every_algorithm(name: str) -> None:
    parts = read_mapping(FOLDER / f"{name}.yaml")
    assert set(parts) - {"all"} <= set(ALGORITHMS)
    for algorithm in ALGORITHMS:
        config = resolve(algorithm, preset=name)
        config.algorithm.check(config.sampling)
    assert load_preset("none", "mix-grpo") == []


def test_the_algorithm_is_chosen_by_flag_then_set_then_file() -> None:
    file = {"algorithm": "mix-grpo"}
    assert resolve().algorithm_name == "neighbor-grpo"
    assert resolve(config=file).algorithm_name == "mix-grpo"
    assert resolve(config=file, sets=["algorithm=dance-grpo"]).algorithm_name == "dance-grpo"
    assert resolve("flow-grpo", config=file, sets=["algorithm=dance-grpo"]).algorithm_name == "flow-grpo"
    changed = resolve("mix-grpo", config={"algorithm": {"name": "mix-grpo", "update_every": 2}})
    assert changed.algorithm.update_every == 2
    assert resolve("mix-grpo", config={"algorithm": {"update_every": 2}}) == changed
    with pytest.raises(ConfigError, match="sets fields of mix-grpo, but dance-grpo is asked for"):
        resolve("dance-grpo", config={"algorithm": {"name": "mix-grpo", "update_every": 2}})


def test_fields_of_the_algorithm_need_no_prefix() -> None:
    short = resolve(sets=["solver=heun", "perturber.sigma=0.2"])
    assert short.algorithm.solver == Heun()
    assert short == resolve(sets=["algorithm.solver=heun", "algorithm.perturber.sigma=0.2"])
    assert short == resolve(config={"solver": "heun", "perturber": {"sigma": 0.2}})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("scenes", [("scenes", 1.0, {})]),
        (["a=0.5", "m.n:f"], [("a", 0.5, {}), ("m.n:f", 1.0, {})]),
        ({"a": 1, "b": -2}, [("a", 1.0, {}), ("b", -2.0, {})]),
        ([{"name": "a", "options": {"seed": 1}}], [("a", 1.0, {"seed": 1})]),
        ({"name": "a", "weight": 2}, [("a", 2.0, {})]),
    ],
)
def test_forms_of_rewards(value: Any, expected: list[tuple[str, float, dict[str, Any]]]) -> None:
    assert resolve(flags={"rewards": value}).rewards == tuple(RewardSettings(*parts) for parts in expected)


def test_one_reward_can_be_changed_by_its_name() -> None:
    config = resolve(sets=["rewards=[scenes, jpeg-size]", "rewards.scenes=0.5", "rewards.jpeg-size.options.x=1"])
    assert config.rewards == (RewardSettings("scenes", 0.5), RewardSettings("jpeg-size", 1.0, {"x": 1}))


def test_one_of_two_uses_of_a_reward_is_called_by_its_label() -> None:
    twice = [{"name": "random", "label": "a"}, {"name": "random", "label": "b"}]
    config = resolve(flags={"rewards": twice}, sets=["rewards.b.on_failure=drop", "rewards.0.weight=0.5"])
    assert [(reward.weight, reward.on_failure) for reward in config.rewards] == [(0.5, "stop"), (1.0, "drop")]


def test_set_changes_the_rewards_that_a_flag_names() -> None:
    config = resolve(flags={"rewards": ["jpeg-size"]}, sets=["rewards.jpeg-size=0.5", "rewards=random"])
    assert config.rewards == (RewardSettings("jpeg-size", 0.5),)


def test_to_plain_names_the_recipe_and_leaves_nothing_out() -> None:
    config = resolve("mix-grpo-flash")
    plain = to_plain(config)
    assert plain["algorithm"]["name"] == "mix-grpo-flash"
    assert plain["algorithm"]["solver"]["tail"] == {"name": "dpmpp", "order": 2}
    assert parse(to_yaml(config), "here") == plain


def test_override_is_the_same_as_set() -> None:
    config = resolve("neighbor-grpo")
    assert override(config.algorithm, "perturber.sigma", 0.2) == resolve(sets=["perturber.sigma=0.2"]).algorithm


REFUSED = [
    ({"sets": ["sigma=0.2"]}, "There is no setting 'sigma' at the top level; did you mean 'perturber.sigma'?"),
    (
        {"sets": ["seed=1"]},
        "There is no setting 'seed' at the top level; did you mean 'evaluation.seed' or 'run.seed'?",
    ),
    ({"sets": ["pertuber.sigma=0.2"]}, "There is no setting 'pertuber.sigma'; did you mean 'perturber'?"),
    ({"sets": ["train.learning_rat=1"]}, "There is no setting 'train.learning_rat'; did you mean 'learning_rate'?"),
    ({"sets": ["algorithm.solvr=heun"]}, "There is no setting 'solvr'; did you mean 'solver'?"),
    ({"sets": ["solver=hewn"]}, "There is no solver named 'hewn'; did you mean 'heun'?"),
    ({"sets": ["perturber.sigma=abc"]}, "perturber.sigma must be a number, got 'abc'."),
    ({"sets": ["sampling.steps=0"]}, "sampling.steps must be at least 1, got 0."),
    ({"sets": ["train=3"]}, "train must be a mapping of settings, got 3."),
    ({"sets": ["heun"]}, "--set takes KEY=VALUE such as perturber.sigma=0.2, got 'heun'."),
    ({"sets": ["train.betas=[0.9"]}, "The value of --set train.betas is not valid YAML"),
    ({"sets": ["rewards.scens=1"]}, "rewards has no item 'scens'; did you mean 'scenes'?"),
    ({"sets": ["rewards={scenes: high}"]}, "rewards.scenes.weight must be a number, got 'high'."),
    ({"config": {"rewards": 3}}, "A reward is written as NAME, NAME=WEIGHT or {name: NAME, weight: 1.0}, got 3."),
    ({"config": {"samplng": {}}}, "There is no setting 'samplng'; did you mean 'sampling'?"),
    ({"config": {"algorithm": 3}}, "algorithm must be a name or a mapping with a name, got 3."),
    ({"algo": "neighbour-grpo"}, "There is no algorithm named 'neighbour-grpo'; did you mean 'neighbor-grpo'?"),
    ({"preset": "scene"}, "There is no preset named 'scene'; did you mean 'scenes'?"),
]


@pytest.mark.parametrize(("asked", "sentence"), REFUSED)
def test_refuses_in_a_sentence(asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(**asked)
    assert str(caught.value).startswith(sentence)


def test_an_error_names_the_layer_it_comes_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("train: {rows: many}\n")
    with pytest.raises(ConfigError, match=r"run\.yaml: train\.rows must be a whole number, got 'many'\."):
        resolve(config=path)
    entry = registry.entry("algorithm", "mix-grpo")
    monkeypatch.setitem(entry.facts, "run", {"train": {"row": 1}})
    with pytest.raises(ConfigError, match=r"The run settings of mix-grpo: There is no setting 'train\.row'"):
        resolve("mix-grpo")
