"""Alarms on synthetic series: raised where something is wrong, silent where nothing is."""

from __future__ import annotations

import numpy as np
import pytest

from genrl.monitoring import Watch
from genrl.monitoring.comparing import LEAST_PAIRS
from genrl.settings import AlarmSettings
from tests.monitoring.series import SPREAD, alarms, evaluations, rows, told

HACKING, OVERFITTING = "reward hacking suspected", "overfitting suspected"
UP, DOWN = (0.0, 0.4, 0.8), (0.0, -0.4, -0.8)


def test_a_reward_that_rises_while_a_watched_one_falls_is_suspected_once() -> None:
    (alarm,) = alarms(evaluations(reward=UP, rewards__ocr=UP, rewards__clip=DOWN))
    assert (alarm.step, alarm.name, alarm.since) == (5, HACKING, 0)
    assert "rewards/clip from" in alarm.sentence
    assert "rewards/ocr" not in alarm.sentence  # it is trained on


def test_a_fall_from_the_best_counts_even_above_the_start() -> None:
    """What rises first and is eaten up later still is above where it began."""
    (alarm,) = alarms(evaluations(reward=(0.0, 0.5, 1.0, 1.5), ocr__edits=(0.0, 1.0, 0.9, 0.5)))
    assert (alarm.step, alarm.name, alarm.since) == (15, HACKING, 5)


@pytest.mark.parametrize(
    "means",
    [
        {"reward": UP, "rewards__clip": UP},
        {"reward": DOWN, "rewards__clip": DOWN},
        {"reward": UP, "rewards__ocr": DOWN},
        {"reward": UP, "rewards__clip": (0.0, -0.01, -0.02)},
    ],
    ids=["both rise", "both fall", "only parts of the reward fall", "a fall too small to matter"],
)
def test_no_hacking_where(means: dict[str, tuple[float, ...]]) -> None:
    assert alarms(evaluations(noise=0.001, **means)) == []


def test_accidents_raise_no_alarm() -> None:
    """Thirty runs with a rising reward and three watched numbers that only wander about their first values."""
    still = (0.0,) * 6
    runs = [evaluations(seed, reward=(0, 1, 2, 3, 4, 5), a=still, b=still, c=still) for seed in range(30)]
    assert sum(bool(alarms(run)) for run in runs) <= 1


def test_settings_decide_what_is_watched_and_how_large_a_fall_is() -> None:
    past = evaluations(noise=0.01, reward=UP, rewards__clip=DOWN, ocr__edits=(0.0, -0.05, -0.05))
    assert "ocr/edits" not in " ".join(alarm.sentence for alarm in alarms(past))
    assert "ocr/edits" in alarms(past, settings=AlarmSettings(fall=0.0))[0].sentence
    (alarm,) = alarms(past, settings=AlarmSettings(fall=0.0, watch=("ocr/edits",)))
    assert "rewards/clip" not in alarm.sentence


def test_samples_without_a_number_make_no_pair_and_few_pairs_no_alarm() -> None:
    past = evaluations(reward=UP, rewards__clip=DOWN)
    for values in past.values():
        values["rewards/clip"][LEAST_PAIRS:] = np.nan
    assert told(alarms(past)) == [(5, HACKING)]
    past[0]["rewards/clip"][0] = np.nan
    assert alarms(past) == []


def test_a_measure_is_reported_once_and_a_new_one_again() -> None:
    still = (0.0, 0.0, 0.0)
    found = alarms(evaluations(reward=(0, 1, 2, 3), a=(0.0, *DOWN[1:], -1.0), b=(*still, -1.0)))
    assert told(found) == [(5, HACKING), (15, HACKING)]
    assert "; " not in found[1].sentence
    assert "b from" in found[1].sentence


def test_overfitting_is_a_falling_heldout_reward_under_a_rising_training_reward() -> None:
    heldout = evaluations(noise=0.1, reward=(0.0, 0.6, 0.2))
    rise = [0.0, 0.1, 0.0, 0.1, 0.0, 1.0, 1.1, 1.0, 1.1, 1.0]
    (alarm,) = alarms(heldout, rows(rise))
    assert (alarm.step, alarm.name, alarm.since) == (10, OVERFITTING, 5)
    assert "from 0.040 to 1.040" in alarm.sentence
    assert alarms(heldout, rows(rise[::-1])) == []
    assert alarms(heldout, rows([0.0, 1.0] * 5)) == []


@pytest.mark.parametrize("name", ["pictures/high_frequency", "pictures/grid"])
def test_artefacts_are_energy_that_has_doubled(name: str) -> None:
    def energy(*factors: float) -> dict[int, dict[str, np.ndarray]]:
        return {k: {"reward": SPREAD, name: factor * np.exp(SPREAD) / 50} for k, factor in enumerate(factors)}

    assert told(alarms(energy(1.0, 1.9, 2.1))) == [(2, "artefacts")]
    assert alarms(energy(1.0, 1.9, 2.1), settings=AlarmSettings(artefacts=3.0)) == []
    assert alarms(energy(0.001, 0.01)) == []  # ten times nothing


@pytest.mark.parametrize("name", ["pictures/clipped", "pictures/vivid"])
def test_saturation_is_a_rising_share(name: str) -> None:
    assert told(alarms(evaluations(reward=(0, 0), **{name.replace("/", "__"): (0.0, 0.4)}))) == [(5, "saturation")]
    assert alarms(evaluations(reward=(0, 0), **{name.replace("/", "__"): (0.0, 0.2)})) == []


def test_lost_entropy_is_a_collapse() -> None:
    assert told(alarms(evaluations(reward=(0, 0, 0), pictures__entropy=(7.0, 6.0, 4.0)))) == [(10, "collapse")]


@pytest.mark.parametrize("name", ["pictures/latent_diversity", "pictures/diversity", "reward_std"])
def test_groups_that_have_become_alike_are_a_collapse(name: str) -> None:
    fading = [0.8] * 6 + [0.4, 0.3, 0.2, 0.15, 0.1, 0.1, 0.1]
    (alarm,) = alarms({}, rows(**{name.replace("/", "__"): fading}))
    assert (alarm.step, alarm.name) == (12, "collapse")
    assert "from 0.8 to 0.17" in alarm.sentence
    assert alarms({}, rows(**{name.replace("/", "__"): [0.8, 0.3] * 8})) == []


def test_a_watch_that_was_told_the_past_goes_on_as_if_it_had_never_stopped() -> None:
    past = evaluations(reward=(0, 1, 2, 3), a=(0.0, 0.5, 0.0, -1.0), b=(0.0, 0.0, 0.0, -1.0))
    iterations = rows(range(15), reward_std=[0.8] * 8 + [0.1] * 7)
    whole = alarms(past, iterations)
    assert len(whole) == 3
    for step in range(16):
        watch = Watch(AlarmSettings(), frozenset({"ocr"}))
        before = watch.replay(iterations[:step], {k: values for k, values in past.items() if k <= step})
        after = watch.replay(iterations[step:], {k: values for k, values in past.items() if k > step})
        assert before + after == whole


def test_a_writer_that_leaves_the_request_is_reported_whatever_the_reward_does() -> None:
    for reward in (UP, DOWN, (0.0, 0.0, 0.0)):
        (alarm,) = [a for a in alarms(evaluations(reward=reward, faithfulness=DOWN)) if a.name == "prompt writer drifts"]
        assert (alarm.step, alarm.since) == (5, 0)
        assert "faithfulness fell from" in alarm.sentence
    assert told(alarms(evaluations(reward=UP, faithfulness=UP))) == []
    assert told(alarms(evaluations(noise=0.001, reward=UP, faithfulness=(0.0, -0.01, -0.02)))) == []


def test_terms_that_the_clip_leaves_without_gradient_are_drift_beyond_it() -> None:
    held, lost = [0.9, 0.0, 0.1, 0.0, 0.1, 0.0], [0.2, 0.3, 0.4, 0.3, 0.2, 0.3]
    assert alarms({}, rows(clip_ratio__region_mean=held)) == []
    (alarm,) = alarms({}, rows(clip_ratio__region_mean=held + lost))
    assert (alarm.step, alarm.name) == (11, "drift beyond the clip")
    assert "28% of the terms" in alarm.sentence
    assert alarms({}, rows(clip_ratio__region_mean=held + lost), settings=AlarmSettings(clipped=0.5)) == []
    assert alarms({}, rows(clip_ratio__region_mean=[1.0] * 4)) == []
