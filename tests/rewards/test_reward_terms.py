"""A reward that cannot be called is refused when it is given, not at the first batch."""

import math

import pytest

from genrl.errors import ConfigError, RewardError
from genrl.rewards import JpegSize, RandomReward, RewardTerm, resolve_reward

FILE = """
import dataclasses

def brightness(prompts, completions, **columns):
    return [0.5 for _ in completions]

@dataclasses.dataclass(frozen=True)
class Scaled:
    factor: float = 2.0

    def __call__(self, prompts, completions, **columns):
        return [self.factor for _ in completions]

class Plain:
    def __call__(self, prompts, completions, **columns):
        return [0.0 for _ in completions]

CONSTANT = 3
"""


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda completions: [], "does not take the keyword 'prompts'"),
        (lambda prompts: [], "does not take the keyword 'completions'"),
        (lambda prompts, completions, /: [], "does not take the keyword 'prompts'"),
        (lambda prompts, completions, completion_ids, **kw: [], "demands 'completion_ids'"),
        (3, "is no function"),
    ],
)
def test_unusable_signatures(function, message):
    with pytest.raises(RewardError, match=f"'bad'.*{message}"):
        RewardTerm("bad", function)


@pytest.mark.parametrize("weight", [math.nan, math.inf])
def test_weights_are_finite(weight):
    with pytest.raises(RewardError, match=r"finite number"):
        RewardTerm("jpeg-size", JpegSize(), weight)


def test_media_is_one_of_three():
    def odd(prompts, completions):
        return []

    odd.media = "numpy"
    with pytest.raises(RewardError, match=r"must be one of pil, tensor, latent"):
        RewardTerm("odd", odd)


def test_registered_names():
    assert resolve_reward("jpeg-size") == RewardTerm("jpeg-size", JpegSize(), 1.0)
    assert resolve_reward("jpeg-size=0.3") == RewardTerm("jpeg-size", JpegSize(), 0.3)
    assert resolve_reward("random=-2", options={"seed": 4}) == RewardTerm("random", RandomReward(4), -2.0)
    assert resolve_reward("random", weight=0.0).weight == 0.0
    assert resolve_reward("random", label="dice").name == "dice"


def test_functions_and_classes_of_a_file(tmp_path, monkeypatch):
    path = tmp_path / "my.py"
    path.write_text(FILE)
    term = resolve_reward(f"{path}:brightness=0.3")
    assert (term.name, term.weight) == ("brightness", 0.3)
    assert term.function([], [1, 2]) == [0.5, 0.5]
    assert resolve_reward(f"{path}:Scaled", options={"factor": 3.0}).function([], [1]) == [3.0]
    monkeypatch.chdir(tmp_path)
    assert resolve_reward("my.py:brightness").function is term.function


def test_functions_of_a_module_in_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "reward_module_here.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [entry for entry in __import__("sys").path if entry])
    assert resolve_reward("reward_module_here:brightness").name == "brightness"


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("jpeg-sice", ConfigError, "no reward named 'jpeg-sice'; did you mean 'jpeg-size'"),
        ("jpeg-size=heavy", RewardError, "weight in 'jpeg-size=heavy' is 'heavy'; give a number"),
        ("no_such_module:f", RewardError, "no module 'no_such_module'.*path/to/no_such_module.py:function"),
        ("missing.py:f", RewardError, "no file 'missing.py'"),
        ("my.py:brightnes", RewardError, "my.py has no function 'brightnes'; did you mean 'brightness'"),
        ("my.py:CONSTANT", RewardError, "my.py has no function 'CONSTANT'"),
        ("broken.py:f", RewardError, r"broken.py cannot be imported \(SyntaxError"),
        ("needy.py:f", RewardError, r"needy.py cannot be imported \(ModuleNotFoundError: No module named 'not_here'"),
        ("needy_module:f", RewardError, "needy_module cannot be imported"),
    ],
)
def test_unresolvable(tmp_path, monkeypatch, text, kind, message):
    (tmp_path / "my.py").write_text(FILE)
    (tmp_path / "broken.py").write_text("def f(:")
    for name in ("needy", "needy_module"):
        (tmp_path / f"{name}.py").write_text("import not_here")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(kind, match=message):
        resolve_reward(text)


def test_options_are_checked(tmp_path):
    (tmp_path / "my.py").write_text(FILE)
    with pytest.raises(ConfigError, match=r"no option 'qualty'; did you mean 'quality'"):
        resolve_reward("jpeg-size", options={"qualty": 3})
    with pytest.raises(ConfigError, match=r"rewards.jpeg-size.quality must be a whole number, got 'high'"):
        resolve_reward("jpeg-size", options={"quality": "high"})
    with pytest.raises(ConfigError, match=r"my.py:Plain' cannot be constructed .*give or mend"):
        resolve_reward(f"{tmp_path / 'my.py'}:Plain", options={"width": 3})
    with pytest.raises(ConfigError, match=r"plain function, so it takes no options"):
        resolve_reward(f"{tmp_path / 'my.py'}:brightness", options={"a": 1})
    with pytest.raises(ConfigError, match=r"two weights, 0.5 and 0.3"):
        resolve_reward("jpeg-size=0.5", weight=0.3)
    with pytest.raises(ConfigError, match=r"JPEG knows 1 to 95"):
        resolve_reward("jpeg-size", options={"quality": 100})
