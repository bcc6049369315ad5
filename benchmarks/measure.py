"""What the benchmark scripts share: paired timing, peak memory, and the record of a result."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Sequence

from recbole_poem.benchmark import machine

RESULTS = Path(__file__).parent / "results"


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser that knows ``--quick``: a run of under a minute that records nothing."""
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("--quick", action="store_true", help="small sizes; nothing is recorded")
    return arguments


def paired(sides: Mapping[str, Callable[[], float]], pairs: int) -> Dict[str, List[float]]:
    """Call the sides in turn (A B A B ...), so that a noisy moment of the machine hits all.

    A side returns what it measured: seconds, or a rate.
    """
    measured: Dict[str, List[float]] = {name: [] for name in sides}
    for pair in range(pairs):
        for name, side in sides.items():
            measured[name].append(side())
        values = "  ".join(f"{name} {taken[-1]:.4g}" for name, taken in measured.items())
        print(f"pair {pair + 1} of {pairs}: {values}", flush=True)
    return measured


def ratio(numerator: Sequence[float], denominator: Sequence[float]) -> Dict[str, float]:
    """Ratio of each pair: the median and the range over the pairs."""
    return spread([a / b for a, b in zip(numerator, denominator)])


def spread(values: Sequence[float]) -> Dict[str, float]:
    """Return the median and the range of what was measured several times."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def seconds(function: Callable[[], Any]) -> float:
    """Wall-clock seconds of one call."""
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def call(function: str, **arguments: Any) -> Any:
    """Call a function of this benchmark script in a fresh process; its JSON result is returned.

    The script ends with ``measure.main(main)``, which finds the function by its name.
    """
    command = [sys.executable, "-W", "ignore", sys.argv[0], "--call", function]
    child = subprocess.run(
        [*command, json.dumps(arguments)], stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(child.stdout.splitlines()[-1])


def main(module: Dict[str, Any]) -> None:
    """Run ``main`` of a script, or, in a child process, the function that `call` asked for."""
    if sys.argv[1:2] == ["--call"]:
        print(json.dumps(module[sys.argv[2]](**json.loads(sys.argv[3]))))
    else:
        module["main"]()


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Let torch compute on so many threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    yield
    torch.set_num_threads(before)


def record(name: str, result: Dict[str, Any], quick: bool) -> None:
    """Print `result`; unless it was a quick run, write it to ``results/<name>.json``."""
    command = " ".join(["python", *sys.argv])
    whole = {
        "command": command,
        "date": time.strftime("%Y-%m-%d"),
        **machine.describe(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "versions": machine.versions(),
        "result": result,
    }
    print(json.dumps(result, indent=2))
    if not quick:
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{name}.json"
        path.write_text(json.dumps(whole, indent=2) + "\n")
        print(f"written to {path}")
