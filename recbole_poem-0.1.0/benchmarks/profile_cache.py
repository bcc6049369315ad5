"""Where the processor's time of one cache build goes: the 15 first functions, on ml-100k.

``python benchmarks/profile_cache.py after`` writes ``results/profile_cache_after.txt``.
"""

import cProfile
import io
import pstats
import tempfile
import time
from pathlib import Path
from typing import List

import measure
import torch

from recbole_poem.cache.build import request_cache
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import create_dataset

TOP = 15


def report(profile: cProfile.Profile, head: str) -> str:
    """Return `head` and a table of the functions by their own time, without folders."""
    text = io.StringIO()
    pstats.Stats(profile, stream=text).strip_dirs().sort_stats("tottime").print_stats(TOP)
    lines: List[str] = [line.rstrip() for line in text.getvalue().splitlines() if line.strip()]
    return "\n".join([head, *lines, ""])


def main() -> None:
    """Build the cache of ml-100k once, on one thread, under cProfile."""
    arguments = measure.parser(__doc__)
    arguments.add_argument("name", choices=("before", "after"))
    options = arguments.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        given = {"request_cache_dir": folder, "show_progress": False, "state": "ERROR"}
        given.update(
            {"ranking_source.n_candidates": 10, "ranking_source.neighbours": 50}
            if options.quick
            else {}
        )
        config = Config("POEM", "ml-100k", config_dict=given)
        train = create_dataset(config).build()[0]
        profile = cProfile.Profile(time.process_time)
        begin, cpu = time.perf_counter(), time.process_time()
        cache = profile.runcall(request_cache, config, train)
        taken = time.perf_counter() - begin, time.process_time() - cpu
        head = (
            f"request cache of ml-100k, {cache.n_rankings} rankings, one thread, under cProfile: "
            f"{taken[0]:.1f} s by the clock, {taken[1]:.1f} s of the processor"
        )
    text = report(profile, head)
    print(text)
    if not options.quick:
        measure.RESULTS.mkdir(exist_ok=True)
        path = Path(measure.RESULTS) / f"profile_cache_{options.name}.txt"
        path.write_text(text)
        print(f"written to {path}")


if __name__ == "__main__":
    main()
