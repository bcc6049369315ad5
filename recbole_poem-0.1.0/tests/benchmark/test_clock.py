"""How long a run may train: on the processor's clock, and on the wall's where that runs away."""

import time

import pytest
import torch

from recbole_poem.benchmark.clock import SPARE_SECONDS, Clock, TimeLimit


def test_training_ends_at_its_limit_and_not_before() -> None:
    for on_gpu in (False, True):
        clock = Clock(limit=1000.0, on_gpu=on_gpu)
        clock.note(0, 0.5)
        late = Clock(limit=-1.0, on_gpu=on_gpu)
        with pytest.raises(TimeLimit):
            late.note(0, 0.25)
        assert [point["score"] for point in late.curve] == [0.25]


def test_waiting_costs_a_run_on_the_cpu_nothing_of_its_limit() -> None:
    on_cpu, on_gpu = (Clock(limit=0.2, on_gpu=on_gpu) for on_gpu in (False, True))
    time.sleep(0.3)
    on_cpu.note(0, 0.5)
    with pytest.raises(TimeLimit):
        on_gpu.note(0, 0.5)


def test_preparation_counts_in_the_limit() -> None:
    """Work before training is work; threads that are not used give no more of it."""
    clock = Clock(limit=0.1, on_gpu=False)
    end = time.process_time() + 0.15 * torch.get_num_threads()
    while time.process_time() < end:
        pass
    clock.start_training()
    assert clock.training_since >= 0.14
    with pytest.raises(TimeLimit):
        clock.note(0, 0.5)


@pytest.mark.parametrize("on_gpu", [False, True])
def test_what_another_run_prepared_counts_in_the_limit_and_in_the_seconds(on_gpu: bool) -> None:
    clock = Clock(limit=50.0, on_gpu=on_gpu)
    clock.charge(49.0 * torch.get_num_threads())
    clock.start_training()
    assert 49 <= clock.training_since < 50
    clock.note(0, 0.5)
    assert clock.curve[0]["seconds"] >= 49
    clock.charge(2.0 * torch.get_num_threads())
    with pytest.raises(TimeLimit):
        clock.note(1, 0.5)


def test_a_run_that_mostly_waits_is_stopped_before_it_is_killed() -> None:
    limit = 100.0
    waiting = Clock(limit, on_gpu=False)
    begin = waiting._begin
    waiting._begin = begin - limit - 0.4 * SPARE_SECONDS  # as if it had begun so long ago
    waiting.note(0, 0.5)
    waiting._begin = begin - limit - 0.6 * SPARE_SECONDS
    with pytest.raises(TimeLimit):
        waiting.note(1, 0.75)
    assert [point["score"] for point in waiting.curve] == [0.5, 0.75]
