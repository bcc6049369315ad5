"""Over HTTP: 500 requests a second, with Redis; the server has one core, all else the other.

A tenth of the requests are rankings that the ranking stage posts and a tenth is feedback; the rest
asks for 10 items, by user: history and ranking come from Redis. Requests are sent at a steady rate,
whether or not the former ones have been answered, and the latency of each counts from the moment
it was due. Each rate is held three times, for a machine that others use has slow moments, and the
median counts. The rate is raised until that of the 99th percentile exceeds a twentieth of a second
or a request is refused: what the server sustains.
"""

import os
import tempfile
from pathlib import Path
from typing import Any, Dict, List

import measure
import numpy as np
import serving_world
from serving_client import Response, load, request, statuses
from serving_processes import Redis, Server, cores

N_USERS = 2_000
BOUND_MS = 50.0
RATES = (250, 400, 500, 600, 750, 1000)
ROUNDS = 3


def traffic(world: serving_world.World, n: int) -> List[bytes]:
    """Return requests in random order: of ten, eight ask, one ranks and one tells."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(n):
        user, kind = f"u{rng.integers(N_USERS)}", rng.integers(10)
        if kind == 0:
            ranking = world.ranking(rng)
            scores = ranking.scores.round(4).tolist()
            body: Dict[str, Any] = {"objectives": ranking.objectives, "scores": scores}
            found.append(request("/rankings", {"user": user, "items": ranking.items, **body}))
        elif kind == 1:
            body = {"user": user, "items": world.history(rng)[:2]}
            found.append(request("/feedback", body))
        else:
            found.append(request("/recommend", {"user": user, "k": 10}))
    return found


def fill(world: serving_world.World, port: int) -> None:
    """Give every user a history of 50 items and a ranking."""
    rng = np.random.default_rng(1)
    sent = []
    for user in range(N_USERS):
        ranking = world.ranking(rng)
        scores = ranking.scores.round(4).tolist()
        body = {"user": f"u{user}", "items": world.history(rng)}
        sent.append(request("/feedback", body))
        body = {**body, "items": ranking.items, "objectives": ranking.objectives}
        sent.append(request("/rankings", {**body, "scores": scores}))
    responses = load(port, sent, rate=500, seconds=len(sent) / 500)
    n_kept = sum(response.body == b'{"kept":true}' for response in responses)
    print(f"{n_kept} of {len(sent)} histories and rankings are kept", flush=True)


def summary(responses: List[Response]) -> Dict[str, Any]:
    """Return what came back and how soon."""
    milliseconds = [1000 * response.seconds for response in responses]
    quantiles = {f"p{q}_ms": round(float(np.percentile(milliseconds, q)), 2) for q in (50, 95, 99)}
    return {"requests": len(responses), "statuses": statuses(responses), **quantiles}


def measured(n_items: int, seconds: float, rates: "tuple[int, ...]") -> Any:
    """Measure one server at several rates, for so many seconds a round."""
    ours, others = cores()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        world = serving_world.make(folder, n_items)
        os.sched_setaffinity(0, others)
        redis = Redis(folder, others)
        server = Server(world.checkpoint, folder, ours, "--store", redis.url)
        fill(world, server.port)
        sent = traffic(world, 5_000)
        load(server.port, sent, 200, 2.0)
        found: Dict[str, Any] = {"seconds_to_start": round(server.seconds_to_start, 2)}
        for rate in rates:
            before = server.processor_seconds()
            rounds = [summary(load(server.port, sent, rate, seconds)) for _ in range(ROUNDS)]
            used = (server.processor_seconds() - before) / (ROUNDS * seconds)
            p50, p99 = (
                float(np.median([one[key] for one in rounds])) for key in ("p50_ms", "p99_ms")
            )
            found[f"at_{rate}_per_second"] = {
                "median_p50_ms": p50,
                "median_p99_ms": p99,
                "server_core_used": round(used, 2),
                "rounds": rounds,
            }
            print(n_items, rate, found[f"at_{rate}_per_second"], flush=True)
            if any(set(one["statuses"]) != {"200"} for one in rounds) or p99 > BOUND_MS:
                break
        hits = server.counter('cache_reads_total{result="hit"}')
        empty = server.counter('cache_reads_total{result="empty"}')
        found["cache_hit_share"] = round(hits / (hits + empty), 4)
        server.kill()
        redis.kill()
    return found


def main() -> None:
    """Measure a small catalogue and a large one."""
    options = measure.parser(__doc__).parse_args()
    seconds = 3.0 if options.quick else 15.0
    rates = (100, 200) if options.quick else RATES
    result = {"2000_items": measured(2_000, seconds, rates)}
    if not options.quick:
        result["100000_items"] = measured(100_000, seconds, rates)
    measure.record("serving_http", result, options.quick)


if __name__ == "__main__":
    measure.main(globals())
