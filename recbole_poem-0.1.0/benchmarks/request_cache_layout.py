"""What the request cache stores, against the former one: bytes, building, reading.

Both sides in turn, on one thread, on ml-100k: with the five objectives of `POEM.yaml`, where every
row has a ranking of its own; and with logged rankings of 100 candidates and five scores, each of
which ten rows of a user share. `FormerCache` wrote a padded ranking for every row.
"""

import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Tuple

import measure
import numpy as np
from former_request_cache import FormerCache, FormerLogged, build
from request_cache import movielens

from recbole_poem.cache.opening import open_or_build
from recbole_poem.cache.reading import read_rankings
from recbole_poem.cache.request_cache import starts
from recbole_poem.cache.sources.logged import LoggedRanker
from recbole_poem.core.atomic import Format
from recbole_poem.core.stages import SCORE_FUSIONS
from recbole_poem.log.requests import RequestLog

ROWS_A_RANKING, CANDIDATES, OBJECTIVES = 10, 100, 5
BATCH = 200  # requests: of 40 windows


def write_logged(path: Path, log: RequestLog) -> None:
    """Write rankings with random scores: at every tenth row of each user."""
    draws = np.random.default_rng(0)
    names = [f"score{m}:float" for m in range(OBJECTIVES)]
    with path.open("w") as file:
        file.write("\t".join(["user_id:token", "timestamp:float", "item_id:token", *names]) + "\n")
        for row in np.flatnonzero(log.position % ROWS_A_RANKING == 0):
            items = 1 + draws.permutation(log.n_items - 1)[:CANDIDATES]
            scores = draws.random((CANDIDATES, OBJECTIVES)).round(4)
            for item, values in zip(items, scores.tolist()):
                numbers = "\t".join(map(str, values))
                file.write(f"{log.user[row]}\t{log.time[row]}\t{item}\t{numbers}\n")


def logged(kind: Any, path: Path, log: RequestLog) -> Any:
    """Return the source of a file whose tokens are the ids of the log."""
    columns = ("user_id", "timestamp", "item_id")
    types = {"user_id": "token", "item_id": "token", "timestamp": "float"}
    fusion = SCORE_FUSIONS.choose("reciprocal_rank", "score_fusion").make
    users, items = ({str(i): i for i in range(1, n)} for n in (log.n_users, log.n_items))
    return kind(path, log, users, items, columns, Format(types=types), CANDIDATES, fusion)


def processor(function: Callable[[], Any]) -> Tuple[float, Any]:
    """Return the processor seconds of a call, and what it returns."""
    begin = time.process_time()
    found = function()
    return time.process_time() - begin, found


def size_of(folder: Path) -> int:
    """Return the bytes of all files of a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def compare(ranker: Any, former: Any, log: RequestLog, pairs: int) -> Dict[str, Any]:
    """Build and read both caches in turn.

    `former` ranks by rows. Similarities are estimated before, as both sides would alike.
    """
    start = starts(ranker.numbers(), log)
    draws = np.random.default_rng(1)
    size: Dict[str, float] = {}
    reading: Dict[str, list] = {"ours": [], "former": []}

    def read(side: str, one: Callable[[np.ndarray], Any]) -> None:
        for _ in range(50):
            requests = draws.integers(0, len(log), BATCH)
            reading[side].append(1000 * processor(partial(one, requests))[0])

    def ours() -> float:
        with tempfile.TemporaryDirectory() as folder:
            taken, cache = processor(lambda: open_or_build(Path(folder), log, ranker))
            size["ours"] = size_of(cache.path) / len(log)
            read("ours", lambda requests: read_rankings(cache, log, requests, 1))
        return taken

    def theirs() -> float:
        with tempfile.TemporaryDirectory() as folder:
            taken, _ = processor(lambda: build(Path(folder), former, len(log)))
            size["former"] = size_of(Path(folder)) / len(log)
            cache = FormerCache(Path(folder), start)
            read("former", lambda requests: cache.read(log, requests))
        return taken

    with measure.threads(1):
        taken = measure.paired({"ours": ours, "former": theirs}, pairs)
    return {
        "rows": len(log),
        "rankings": int(ranker.numbers().max()) + 1,
        "bytes_per_row": size,
        "processor_seconds_building": {side: statistics.median(taken[side]) for side in taken},
        "ours_over_former_building": measure.ratio(taken["ours"], taken["former"]),
        f"processor_milliseconds_reading_{BATCH}_requests": {
            side: statistics.median(found) for side, found in reading.items()
        },
    }


class Estimated:
    """Similarities that are estimated beforehand, as a ranker."""

    def __init__(self, ranker: Any) -> None:
        self.objectives, self.depends_on = ranker.objectives, ranker.depends_on
        self.numbers, self.rank = ranker.numbers, ranker.estimate(map).rank


def main() -> None:
    """Measure both kinds of rankings and record them."""
    options = measure.parser(__doc__).parse_args()
    pairs = 1 if options.quick else 3
    source = movielens()
    log = source._log
    estimated = Estimated(source)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ml-100k.cand")
        write_logged(path, log)
        of_log = logged(LoggedRanker, path, log), logged(FormerLogged, path, log)
    result = {
        "a_ranking_each_row": compare(estimated, estimated, log, pairs),
        "a_ranking_for_ten_rows": compare(*of_log, log, pairs),
    }
    measure.record("request_cache_layout", result, options.quick)


if __name__ == "__main__":
    measure.main(globals())
