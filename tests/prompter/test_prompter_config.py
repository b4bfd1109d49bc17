"""From a few words to what decides the training of a writer, and back from its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from genrl.errors import ConfigError
from genrl.faithfulness import ContentWords
from genrl.prompter.config import resolve_prompter, to_plain, to_yaml
from genrl.prompter.folder import Record, record_of, weights_of
from genrl.prompter.together_config import resolve_together
from genrl.prompter.together_config import to_yaml as together_to_yaml
from genrl.scenes import ScenesFaithfulness

SAID = [
    "writer.path=owner/lm",
    "grpo.num_generations=4",
    "sampling.steps=3",
    "rewards=[scenes]",
    "text_rewards=[mine:short=0.5]",
]


def test_the_embedded_model_brings_its_reward_its_sampling_and_its_faithfulness() -> None:
    config = resolve_prompter()
    assert (config.source, config.tuned) == ("scenes", None)
    assert [reward.name for reward in config.flow.rewards] == ["scenes"]
    assert (config.flow.sampling.steps, config.flow.model.call["guidance_scale"]) == (8, 1.0)
    assert config.writer.faithfulness == ScenesFaithfulness()
    assert resolve_prompter(source="owner/flow").writer.faithfulness == ContentWords()


def test_a_component_is_replaced_by_name_and_its_fields_changed() -> None:
    sets = ["writer.faithfulness=content-words", "writer.faithfulness.enough=0.5", "writer.faithfulness_weight=3"]
    writer = resolve_prompter(sets=sets).writer
    assert (writer.faithfulness, writer.faithfulness_weight) == (ContentWords(enough=0.5), 3.0)


def test_later_layers_win(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("grpo: {max_steps: 3, beta: 0.1}\nwriter: {pictures: 3}\nsampling: {steps: 4}\n")
    sets, flags = ["grpo.max_steps=5", "writer.pictures=5"], {"grpo.max_steps": 7}
    config = resolve_prompter(config=tmp_path / "c.yaml", sets=sets, flags=flags)
    assert config.grpo == {"max_steps": 7, "beta": 0.1}
    assert (config.writer.pictures, config.flow.sampling.steps) == (5, 4)


def test_what_is_written_is_read_back_to_the_same(tmp_path: Path) -> None:
    config = resolve_prompter(sets=SAID, flags={"run.seed": 3})
    (tmp_path / "c.yaml").write_text(to_yaml(config))
    again = resolve_prompter(config=tmp_path / "c.yaml")
    assert again == config
    assert to_plain(again)["train"] == {"max_steps": 100}  # for readers of any run
    (tmp_path / "t.yaml").write_text(together_to_yaml(resolve_together(sets=[*SAID, "rounds=3", "train.learning_rate=1e-3"])))
    both = resolve_together(config=tmp_path / "t.yaml")
    assert (both.rounds, both.prompter.flow.train.learning_rate, both.prompter.grpo) == (3, 1e-3, {"num_generations": 4})
    assert both.prompter.text_rewards == config.text_rewards


def test_a_model_that_was_trained_behind_a_writer_gets_another(tmp_path: Path) -> None:
    from genrl.config import resolve
    from genrl.config import to_yaml as run_to_yaml

    (tmp_path / "model").mkdir()
    (tmp_path / "config.yaml").write_text(run_to_yaml(resolve(flags={"prompts.prompter": "old"})))
    config = resolve_prompter(source=str(tmp_path))
    assert (config.flow.prompts.prompter, config.tuned) == ("", tmp_path / "model")
    with pytest.raises(ConfigError, match="set writer.path"):
        resolve_prompter(sets=["prompts.prompter=old"])


def test_a_record_may_stand_for_weights_elsewhere(tmp_path: Path) -> None:
    """So that the writer that a run began with is asked as the finished one is."""
    (tmp_path / "lm").mkdir()
    Record("say {request}", 7, str(tmp_path / "lm")).write(tmp_path / "untrained")
    assert weights_of(str(tmp_path / "untrained")) == str((tmp_path / "lm").resolve())
    assert record_of(str(tmp_path / "untrained")) == Record("say {request}", 7, str(tmp_path / "lm"))
    assert weights_of("owner/lm") == "owner/lm"
    assert record_of("owner/lm") is None
