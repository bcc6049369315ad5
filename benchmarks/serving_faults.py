"""What the service survives: kill -9 of itself and of Redis, bad requests, bad checkpoints, time.

Under load, half of the requests bring their history, and their answers are compared with those of
the library; the other half leaves history and ranking to Redis. Statuses: 0 = the connection broke.
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, List

import measure
import numpy as np
import serving_http
import serving_world
import torch
from serving_client import Response, load, request, statuses
from serving_malformed import KINDS, malformed
from serving_processes import Redis, Server, cores

from recbole_poem import Recommender
from recbole_poem.serving.query import Query
from recbole_poem.training import checkpoint

N_ITEMS, RATE = 2_000, 200


class World:
    """A server with Redis, its traffic, and the answers that are right."""

    def __init__(self, folder: Path) -> None:
        self.ours, self.others = cores()
        os.sched_setaffinity(0, self.others)
        self.folder, self.world = folder, serving_world.make(folder, N_ITEMS)
        rng = np.random.default_rng(2)
        histories = [self.world.history(rng) for _ in range(200)]
        answers = Recommender.load(self.world.checkpoint).answer([Query(h) for h in histories])
        self.right = [answer.items for answer in answers]
        self.requests: List[bytes] = []
        for number, history in enumerate(histories):
            self.requests.append(request("/recommend", {"history": history}))
            self.requests.append(request("/recommend", {"user": f"u{number}"}))
        self.redis = Redis(folder, self.others)
        self.server = Server(self.world.checkpoint, folder, self.ours, "--store", self.redis.url)
        serving_http.fill(self.world, self.server.port)

    def wrong(self, number: int, response: Response) -> bool:
        """Tell whether an answer is not that of the library, which it may be by 1 in 10,000."""
        number %= len(self.requests)
        if response.status != 200 or number % 2:
            return False
        found = json.loads(response.body)
        return [one["item"] for one in found["items"]] != self.right[number // 2]

    def under_load(self, seconds: float, at: float, happen: Callable[[], None]) -> Dict[str, Any]:
        """Send requests for so long, let something happen meanwhile, return what came back."""
        timer = threading.Timer(at, happen)
        timer.start()
        n_wrong, moments, begin = 0, [], time.perf_counter()

        def told(number: int, response: Response) -> None:
            nonlocal n_wrong
            n_wrong += self.wrong(number, response)
            if response.status != 200:
                moments.append(time.perf_counter() - begin)

        responses = load(self.server.port, self.requests, RATE, seconds, told=told)
        timer.join()
        return {
            **serving_http.summary(responses),
            "wrong_answers": n_wrong,
            "seconds_until_all_is_well": round(max(moments) - at, 2) if moments else 0.0,
        }

    def cache_hits(self) -> float:
        """Return how many rankings were found."""
        return self.server.counter('cache_reads_total{result="hit"}')

    def close(self) -> None:
        """End the processes."""
        self.server.kill()
        self.redis.kill()


def kill_server(world: World, seconds: float) -> Dict[str, Any]:
    """Kill the server and start it again; what Redis keeps must still be there."""

    def happen() -> None:
        world.server.kill()
        world.server.start()

    found = world.under_load(seconds, seconds / 4, happen)
    empty = world.server.counter('cache_reads_total{result="empty"}')
    return {**found, "hits_after": world.cache_hits(), "seconds_to_start": round(
        world.server.seconds_to_start, 2), "empty_after": empty}  # fmt: skip


def kill_redis(world: World, seconds: float) -> Dict[str, Any]:
    """Kill Redis, start it again after a while, and fill it; the server must not be touched."""

    def happen() -> None:
        world.redis.kill()
        time.sleep(seconds / 4)
        world.redis.start()

    pid = world.server.popen.pid
    found = world.under_load(seconds, seconds / 4, happen)
    serving_http.fill(world.world, world.server.port)
    before = world.cache_hits()
    load(world.server.port, world.requests, RATE, 2.0)
    same = world.server.popen.poll() is None and pid == world.server.popen.pid
    return {**found, "hits_when_filled_again": world.cache_hits() - before, "same_process": same}


def bad_requests(world: World, n: int) -> Dict[str, Any]:
    """Send malformed requests twice, and look at the memory after the first and the second time."""
    load(world.server.port, malformed(n), RATE, n / RATE)
    memory = world.server.memory()
    responses = load(world.server.port, malformed(n), RATE, n / RATE)
    return {
        "kinds": len(KINDS),
        "statuses": statuses(responses),
        "memory_mib": [round(memory, 1), round(world.server.memory(), 1)],
        "still_right": world.under_load(3.0, 0.0, lambda: None)["wrong_answers"] == 0,
    }


def bad_checkpoints(world: World) -> Dict[str, Any]:
    """Put bad checkpoints in the place of the good one, and start with them."""
    path = Path(world.world.checkpoint)
    good = path.read_bytes()
    hostile = world.folder / "hostile.pth"
    torch.save({"format": checkpoint.FORMAT, "keys": _Hostile()}, hostile)
    other = Path(serving_world.make(_sub(world.folder), 1_000).checkpoint)
    found: Dict[str, Any] = {}
    cases = {
        "cut short": good[: len(good) // 2],
        "empty": b"",
        "noise": os.urandom(10_000),
        "hostile": hostile.read_bytes(),
        "of another catalogue, its weights put under this one's name": _with_weights(good, other),
    }
    for name, content in cases.items():
        before = world.server.counter('swaps_total{result="refused"}')
        new = path.with_suffix(".new")
        new.write_bytes(content)
        new.replace(path)
        deadline = time.monotonic() + 30
        while world.server.counter('swaps_total{result="refused"}') == before:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{name}: not refused; {world.server.output()}")
            time.sleep(0.1)
        started = said("serve", "--port", "0", "--checkpoint", str(path))
        found[name] = {
            **started,
            "wrong_answers": world.under_load(2.0, 0.0, lambda: None)["wrong_answers"],
        }
        print(name, found[name], flush=True)
    found["hostile code ran"] = Path(_Hostile.TRACE).exists()
    path.write_bytes(good)
    return found


def said(command: str, *arguments: str, max_bytes: int = -1) -> Dict[str, Any]:
    """Run a command that fails, and return its exit status and its last words.

    With `max_bytes` the system refuses every write of a file beyond them, as a full disk would.
    """

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, max_bytes))

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "recbole_poem", command, *arguments],
        capture_output=True, text=True, check=False, preexec_fn=limit,
    )  # fmt: skip
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return {"exit_status": done.returncode, "says": re.sub(r"/tmp/\w+", "", lines[-1])[:200]}


def full_disk(world: World) -> Dict[str, Any]:
    """Answer a file of requests, with a disk that takes 20 KB."""
    requests, answers = world.folder / "requests.csv", world.folder / "answers.csv"
    rows = [f"r{n},i{n} i{n + 1}" for n in range(2000)]
    requests.write_text("\n".join(["request,history", *rows]) + "\n")
    files = ["--input", str(requests), "--output", str(answers)]
    found = said("recommend", "--checkpoint", world.world.checkpoint, *files, max_bytes=20_000)
    left = [path.name for path in world.folder.iterdir() if path.name.startswith("answers")]
    return {**found, "files_left_behind": left}


class _Hostile:
    """Runs code where a pickle is read without care."""

    TRACE = "hostile-checkpoint-was-here"

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.TRACE}",)


def _with_weights(good: bytes, other: Path) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "one.pth"
        path.write_bytes(good)
        state = torch.load(path, weights_only=True)
        state["state_dict"] = torch.load(other, weights_only=True)["state_dict"]
        torch.save(state, path)
        return path.read_bytes()


def _sub(folder: Path) -> Path:
    (folder / "other").mkdir()
    return folder / "other"


def long_load(world: World, minutes: float) -> Dict[str, Any]:
    """Load the server for minutes, and look at its memory every tenth of them."""
    memory = []
    for _ in range(10):
        load(world.server.port, world.requests, RATE, 6 * minutes)
        memory.append(round(world.server.memory(), 1))
        print("memory", memory[-1], flush=True)
    slope = np.polyfit(np.arange(9), memory[1:], 1)[0]
    return {"minutes": minutes, "memory_mib": memory, "mib_per_tenth": round(float(slope), 3)}


def main() -> None:
    """Go through all faults with one server."""
    options = measure.parser(__doc__).parse_args()
    quick = options.quick
    with tempfile.TemporaryDirectory() as name:
        world = World(Path(name))
        result: Dict[str, Any] = {}
        for fault, act in (
            ("kill_redis", lambda: kill_redis(world, 16 if quick else 40)),
            ("kill_server", lambda: kill_server(world, 24 if quick else 60)),
            ("bad_requests", lambda: bad_requests(world, 80 if quick else 1000)),
            ("bad_checkpoints", lambda: bad_checkpoints(world)),
            ("full_disk", lambda: full_disk(world)),
            ("long_load", lambda: long_load(world, 0.3 if quick else 10)),
        ):
            result[fault] = act()
            print(fault, result[fault], flush=True)
        world.close()
    measure.record("serving_faults", result, quick)


if __name__ == "__main__":
    measure.main(globals())
