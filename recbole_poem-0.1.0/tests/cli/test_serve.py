"""The server as a process: the answers of the library, a new checkpoint, kill -9, bad input."""

import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

import httpx
import pytest
from conftest import random_log
from redis_server import Server as RedisServer

from recbole_poem import Recommender
from recbole_poem.cli.verbs import main
from recbole_poem.training.quick_start import run_recbole_poem

SMALL = {
    "MAX_ITEM_LIST_LENGTH": 6,
    "hidden_size": 16,
    "inner_size": 16,
    "ranking_source.n_candidates": 8,
    "topk": [1, 5],
    "valid_metric": "NDCG@5",
    "train_batch_size": 60,
}


def serve(arguments: List[str]) -> int:
    return main(["serve", *arguments])


class Process:
    """A server in a process of its own, at a free port."""

    def __init__(self, checkpoint: str, log: Path, *options: str) -> None:
        self.log = log
        command = [sys.executable, "-W", "ignore", "-m", "recbole_poem", "serve"]
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [*command, "--checkpoint", checkpoint, "--port", "0", *options],
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.client = httpx.Client(base_url=self.url(), timeout=20)

    def url(self) -> str:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and self.process.poll() is None:
            found = re.search(r"answers at (http://\S+)", self.log.read_text())
            if found:
                return found[1]
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def ask(self, **body: Any) -> Dict[str, Any]:
        response = self.client.post("/recommend", json=body)
        assert response.status_code == 200, response.text
        return dict(response.json())

    def end(self, number: int) -> int:
        self.client.close()
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


@pytest.fixture
def checkpoint(write_dataset: Any) -> str:
    keys = write_dataset(random_log(1, n_users=30, n_items=25, longest=15))
    return trained(keys, 1)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    processes: List[Process] = []

    def start(checkpoint: str, *options: str) -> Process:
        processes.append(Process(checkpoint, tmp_path / f"log{len(processes)}.txt", *options))
        return processes[-1]

    yield start
    for one in processes:
        one.process.kill()


def trained(keys: Dict[str, Any], epochs: int) -> str:
    result = run_recbole_poem(
        model="POEM", config_dict={**keys, **SMALL, "epochs": epochs, "seed": epochs}
    )
    return str(result["model_file"])


def items(reply: Dict[str, Any]) -> List[str]:
    return [one["item"] for one in reply["items"]]


def wait_for(what: Callable[[], Optional[bool]]) -> None:
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_answers_are_those_of_the_library_and_a_new_checkpoint_takes_over(
    checkpoint: str, served: Callable[..., Process], write_dataset: Any, tmp_path: Path
) -> None:
    live = str(tmp_path / "live.pth")
    shutil.copy(checkpoint, live)
    server = served(live)
    history = ["i3", "i7", "i9"]
    first = server.client.get("/health").json()["checkpoint"]
    found = Recommender.load(live).recommend([history], k=5)
    reply = server.ask(history=history, k=5)
    assert items(reply) == found["item"].tolist()
    scores = [one["score"] for one in reply["items"]]
    assert scores == pytest.approx(found["score"].tolist(), rel=1e-4)

    keys = write_dataset(random_log(1, n_users=30, n_items=25, longest=15))
    other = trained(keys, 3)
    Path(live).write_bytes(Path(checkpoint).read_bytes()[:5000])  # as a broken copy would
    wait_for(lambda: 'swaps_total{result="refused"} 1.0' in server.client.get("/metrics").text)
    assert items(server.ask(history=history, k=5)) == items(reply)
    shutil.copy(other, tmp_path / "new.pth")
    (tmp_path / "new.pth").replace(live)
    wait_for(lambda: server.client.get("/health").json()["checkpoint"] != first)
    expected = Recommender.load(other).recommend([history], k=5)
    assert items(server.ask(history=history, k=5)) == expected["item"].tolist()
    assert "the new checkpoint is not taken" in server.log.read_text()
    assert server.end(signal.SIGINT) in (0, 130)


def test_what_redis_keeps_outlives_the_server(
    checkpoint: str, served: Callable[..., Process], redis_server: RedisServer
) -> None:
    options = ["--store", redis_server.url, "--store_timeout", "2"]
    one = served(checkpoint, *options)
    objectives = one.client.get("/health").json()["objectives"]
    scores = [[2.0] * len(objectives), [1.0] * len(objectives)]
    ranking = {"user": "ü", "items": ["i8", "i2"], "objectives": objectives, "scores": scores}
    assert one.client.post("/rankings", json=ranking).json() == {"kept": True}
    feedback = {"user": "ü", "items": ["i3", "i7"]}
    assert one.client.post("/feedback", json=feedback).json()["kept"] is True
    before = one.ask(user="ü")
    assert (before["cache"], before["history_length"]) == ("hit", 2)
    one.end(signal.SIGKILL)
    other = served(checkpoint, *options)
    assert other.ask(user="ü") == before

    redis_server.kill()
    reply = other.ask(user="ü")
    assert (reply["cache"], reply["history_length"]) == ("empty", 0)
    assert len(reply["items"]) == 10
    assert other.client.post("/feedback", json=feedback).json()["kept"] is False
    redis_server.start()
    wait_for(lambda: other.client.post("/feedback", json=feedback).json()["kept"])
    assert other.ask(user="ü")["history_length"] == 2


@pytest.mark.parametrize("store", ["memory", "redis"])
def test_a_warm_start_knows_the_users_of_the_data_set(
    checkpoint: str, served: Callable[..., Process], redis_server: RedisServer, store: str
) -> None:
    address = redis_server.url if store == "redis" else store
    options = ["--store", address, "--warm_start", "--store_timeout", "0.5"]
    server = served(checkpoint, *options)
    assert "warm start: 30 histories and " in server.log.read_text()
    user = str(random_log(1, n_users=30, n_items=25, longest=15)["user_id"].mode()[0])
    found = Recommender.load(checkpoint).recommend(users=[user], k=5)
    reply = server.ask(user=user, k=5)
    assert items(reply) == found["item"].tolist()
    assert reply["cache"] == "hit"
    assert server.ask(user="nobody")["history_length"] == 0
    if store == "redis":
        again = served(checkpoint, *options).log.read_text()
        assert "warm start: 0 histories and 0 rankings" in again
        assert "of 30 users nothing was added: Redis has their histories" in again


def test_what_is_wrong_is_said_before_anything_is_served(
    checkpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        cases = {
            f"--checkpoint {checkpoint} --port {port}": f"cannot listen at 127.0.0.1:{port}",
            f"--checkpoint {checkpoint} --port 99999": "cannot listen at 127.0.0.1:99999",
            "--checkpoint nowhere.pth --port 0": "nowhere.pth: there is no such checkpoint",
            f"--checkpoint {checkpoint} --port 0 --store http://x": "no address of Redis",
            f"--checkpoint {checkpoint} --port 0 --threads 0": "threads: expected a number above 0",
            f"--checkpoint {checkpoint} --port 0 --rate 0": "rate: expected a number above 0",
            f"--checkpoint {checkpoint} --port 0 --max_batch 0": "max_batch: expected",
        }
        for arguments, words in cases.items():
            assert serve(arguments.split()) == 2, arguments
            assert words in capsys.readouterr().err
