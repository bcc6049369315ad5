"""The maps of the workers: like the builtin one, wherever the tasks run."""

import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.core.workers import open_map

WHERE = {"one": {}, "threads": {"threads": 3}, "ray": {"ray": 2}}


@pytest.fixture(scope="class", params=WHERE)
def parallel_map(request):
    """Each map in turn; Ray is started once for all of them."""
    with open_map(**WHERE[request.param]) as opened:
        yield opened


class TestEveryMap:
    """What the builtin map does, all of them do."""

    def test_results_come_in_the_order_of_the_tasks(self, parallel_map):
        tasks = [5, 3, 9, 0, 7, 7, 1]
        found = list(parallel_map(partial(np.take, np.arange(10) * 0.5), tasks))
        assert found == [task * 0.5 for task in tasks]

    def test_no_task_no_result(self, parallel_map):
        assert list(parallel_map(str, [])) == []

    def test_it_can_be_called_again_and_side_by_side(self, parallel_map):
        first, second = parallel_map(str, [1, 2, 3]), parallel_map(float, [4, 5])
        assert [next(iter(first)), *second] == ["1", 4.0, 5.0]

    @pytest.mark.parametrize("error", [InputError("rating: a bad value"), KeyError("a defect")])
    def test_an_error_in_a_task_is_the_error_of_the_map(self, parallel_map, error):
        def fail(task):
            if task == 2:
                raise error

        with pytest.raises(type(error)) as caught:
            list(parallel_map(fail, range(6)))
        assert type(caught.value) is type(error)
        assert caught.value.args == error.args


# -- threads ---------------------------------------------------------------------------------------


def test_few_tasks_are_in_flight():
    done = []

    def task(number):
        done.append(number)
        return number

    with open_map(threads=2) as parallel_map:
        results = iter(parallel_map(task, range(100)))
        assert done == []
        assert next(results) == 0
        time.sleep(0.05)
        assert len(done) <= 5
        results.close()
        time.sleep(0.05)
        assert len(done) <= 5
    assert len(done) <= 5


def test_threads_work_at_the_same_time_and_torch_takes_one_in_each():
    both = threading.Barrier(2, timeout=20)
    before = torch.get_num_threads()
    with open_map(threads=2) as parallel_map:
        found = list(parallel_map(lambda _: (both.wait(), torch.get_num_threads())[1], range(2)))
    assert found == [1, 1]
    assert torch.get_num_threads() == before


def test_one_thread_is_the_builtin_map():
    with open_map() as parallel_map:
        assert parallel_map is map


# -- ray -------------------------------------------------------------------------------------------


def test_ray_works_in_other_processes_and_leaves_no_trace(monkeypatch, tmp_path, capfd):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    handler = signal.getsignal(signal.SIGTERM)

    def surroundings(_):
        names = ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")
        return os.getpid(), torch.get_num_threads(), [os.environ.get(name) for name in names]

    def die(task):
        if task == 1:
            os._exit(1)

    with open_map(ray=2) as parallel_map:
        for pid, threads, environment in parallel_map(surroundings, range(4)):
            assert pid != os.getpid()
            assert threads == 1
            assert environment == ["1", ""]
        with pytest.raises(InputError, match=r"^ray: a worker died \(WorkerCrashedError: .*less"):
            list(parallel_map(die, range(3)))
        assert list(parallel_map(str, [1])) == ["1"]  # the others go on
    import ray

    assert not ray.is_initialized()
    assert signal.getsignal(signal.SIGTERM) is handler
    assert logging.getLogger("ray").level == logging.INFO  # as its import sets it
    assert os.environ["OMP_NUM_THREADS"] == "2"
    assert "RAY_USAGE_STATS_ENABLED" not in os.environ
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_sigterm_is_dealt_with_by_whoever_uses_ray():
    code = (
        "import os, signal, sys, time\n"
        "from recbole_poem.core.workers import ray_session\n"
        "signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(7))\n"
        "with ray_session(1):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    time.sleep(10)\n"
    )
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code]).returncode == 7


def test_ray_of_someone_else_is_used_and_not_ended():
    ray = pytest.importorskip("ray")
    with open_map(ray=1) as outer:
        list(outer(str, [1]))
        with open_map(ray=1) as inner:
            assert list(inner(str, [1])) == ["1"]
        assert ray.is_initialized()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("127.0.0.1:9", "no cluster answers at RAY_ADDRESS=127.0.0.1:9 "),
        ("ray://127.0.0.1:9", "no cluster answers at RAY_ADDRESS=ray://127.0.0.1:9 "),
        ("nonsense", "the workers cannot be started or reached: "),
    ],
)
def test_a_cluster_that_is_not_there_is_one_sentence_at_once(monkeypatch, address, words):
    monkeypatch.setenv("RAY_ADDRESS", address)
    begin = time.monotonic()
    with open_map(ray=2) as parallel_map, pytest.raises(InputError, match="^ray: " + words):
        list(parallel_map(str, [1]))
    assert time.monotonic() - begin < 20


def test_a_missing_package_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with open_map(ray=2) as parallel_map, pytest.raises(
        InputError, match=r"^ray: this key needs the package ray, version 2\.6\.3"
    ):
        list(parallel_map(str, [1]))


INTERRUPTED = """
import time
from recbole_poem.core.workers import open_map
with open_map(ray=1) as parallel_map:
    for _ in parallel_map(time.sleep, [0, 60]):
        print("working", flush=True)
"""


def test_ctrl_c_ends_the_workers_too():
    folder = Path(tempfile.mkdtemp())  # Ray's sockets need a shorter path than pytest's
    child = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED],
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert child.stdout.readline() == "working\n"
    os.killpg(child.pid, signal.SIGINT)
    _, errors = child.communicate(timeout=60)
    assert errors.strip().endswith("KeyboardInterrupt")
    with pytest.raises(ProcessLookupError):  # nobody of its group is left
        for _ in range(60):
            os.killpg(child.pid, 0)
            time.sleep(0.5)
    folder.rmdir()  # and it is empty


def test_the_plugin_does_not_load_ray():
    code = (
        "import sys, recbole_poem.training.quick_start, recbole_poem.cache.build\n"
        "import recbole_poem.core.workers\n"
        "with recbole_poem.core.workers.open_map(ray=2): pass\n"
        "assert 'ray' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
