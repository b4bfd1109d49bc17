"""Scoring beside the next rollout: the answers of a serial run, in order, and errors as if there were no thread."""

import signal
import threading
import time
from functools import partial

import pytest

from genrl.errors import RewardError
from genrl.rewards import overlapped


def making(*values):
    return [partial(lambda value: value, value) for value in values]


def test_order_is_kept_and_one_thread_uses_everything():
    threads = set()

    def use(value):
        threads.add(threading.get_ident())
        time.sleep(0.01 * (3 - value))  # the later ones would overtake
        return 10 * value

    results, waited = overlapped(making(0, 1, 2), use)
    assert results == [0, 10, 20]
    assert len(threads - {threading.get_ident()}) == len(threads) == 1
    assert 0.0 < waited < 1.0


def test_one_is_used_while_the_next_is_made():
    """Each waits for the other, so one after the other would never end."""
    used_first, made_second = threading.Event(), threading.Event()

    def make(value):
        if value:
            made_second.set()
            assert used_first.wait(5)
        return value

    def use(value):
        if not value:
            assert made_second.wait(5)
            used_first.set()
        return value

    assert overlapped([partial(make, 0), partial(make, 1)], use)[0] == [0, 1]


def test_a_single_one_is_used_where_it_was_made():
    results, waited = overlapped(making(7), lambda value: (time.sleep(0.05), value, threading.get_ident())[1:])
    assert results == [(7, threading.get_ident())]
    assert waited >= 0.05


def test_an_error_of_the_use_is_raised_as_it_is_and_nothing_more_is_made():
    made = []
    failed = threading.Event()

    def make(value):
        made.append(value)
        if value == 1:
            assert failed.wait(5)
            time.sleep(0.05)  # until the worker has put the error down
        return value

    def use(value):
        failed.set()
        raise RewardError(f"no score for {value}")

    with pytest.raises(RewardError, match="^no score for 0$"):
        overlapped([partial(make, value) for value in range(5)], use)
    assert made == [0, 1]


def test_an_error_of_the_last_use_is_raised_too():
    with pytest.raises(ZeroDivisionError):
        overlapped(making(1, 0), lambda value: 1 / value)


def test_an_error_while_making_leaves_the_waiting_ones_unused():
    used, go_on = [], threading.Event()

    def use(value):
        used.append(value)
        assert go_on.wait(5)

    def fail():
        raise OSError("the model is gone")

    with pytest.raises(OSError, match="the model is gone"):
        overlapped([*making(0, 1), fail], use)
    go_on.set()
    time.sleep(0.05)
    assert used in ([], [0])


def test_ctrl_c_does_not_wait_for_a_reward():
    stuck = threading.Event()
    threading.Timer(0.3, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT)).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        overlapped(making(0, 1), lambda value: stuck.wait(60))
    assert time.monotonic() - began < 5
    stuck.set()
