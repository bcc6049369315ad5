"""Everything that trains and answers, on a CUDA device.

(a) The losses of three steps of training, on the CPU and on the device, from the same weights and
without noise: they differ by what sums round differently. (b) Seconds of an epoch at two lengths of
the history, for RecBole's SASRec, for POEM's history path and for POEM with rankings: in float32,
under autocast to bfloat16, and with the loss compiled; loading included, and told alone; the
highest memory of the device. (c) Requests a second to `Recommender`, by the size of a batch.

The machine may have a Python and a torch of its own, and no package index: what cannot be imported
is stood in for (`stand_ins.py`) and listed. It needs torch, numpy, scipy, pandas, PyYAML, tqdm,
filelock, and RecBole's sources on ``PYTHONPATH``. Without DGL there is no item graph, so that hard
negatives are drawn evenly on all sides. ``--device cpu --quick`` is a dry run on a drawn log.
"""

import argparse
import json
import platform
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Sequence

from stand_ins import QUIET, stand_in

MAY_LACK = (
    "dgl", "ray", "numba", "threadpoolctl", "plotly", "hyperopt", "psutil", "sklearn",
    *QUIET,
)  # fmt: skip
STOOD_IN = stand_in(MAY_LACK) if __name__ == "__main__" else []  # who imports it has its own

import measure  # noqa: E402 (what it imports may be stood in for)
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import serving_world  # noqa: E402
import torch  # noqa: E402
from gpu_training import EQUAL, QUICK, SIDES, WHOLE, Place, Size, equality, training  # noqa: E402

from recbole_poem.serving.query import Query  # noqa: E402
from recbole_poem.serving.recommender import Recommender  # noqa: E402


def drawn_log(folder: Path) -> Dict[str, Any]:
    """Write a log of 60 users for a dry run, and return its keys."""
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(60), 30)
    log = pd.DataFrame(
        {
            "user_id:token": [f"u{each}" for each in user],
            "item_id:token": [f"i{each}" for each in rng.integers(0, 80, len(user))],
            "rating:float": rng.integers(1, 6, len(user)),
            "timestamp:float": 1.6e9 + np.arange(len(user)),
        }
    )
    (folder / "drawn").mkdir()
    log.to_csv(folder / "drawn" / "drawn.inter", sep="\t", index=False)
    columns = [name.partition(":")[0] for name in log]
    sizes = {"hidden_size": 16, "inner_size": 16, "ranking_source.n_candidates": 10}
    return {"dataset": "drawn", "data_path": str(folder), "load_col": {"inter": columns}, **sizes}


def answers(device: torch.device, size: Size) -> Dict[str, Any]:
    """Measure requests a second by the number of those that are answered together."""
    with tempfile.TemporaryDirectory() as folder:
        world = serving_world.make(Path(folder), size.n_items)
        keys = {**world.keys, "use_gpu": device.type == "cuda"}
        recommender = Recommender.load(world.checkpoint, keys)
        rng = np.random.default_rng(0)
        queries = [
            Query(world.history(rng), world.ranking(rng), k=50) for _ in range(max(size.answers))
        ]
    found = {}
    for number in size.answers:
        rounds = max(3, 256 // number) if size is WHOLE else 1
        recommender.answer(queries[:number])
        taken = [
            measure.seconds(partial(recommender.answer, queries[:number])) for _ in range(rounds)
        ]
        found[f"{number} at once"] = {
            "requests_a_second": number / float(np.median(taken)),
            "p50_ms": 1000 * float(np.median(taken)),
        }
    return {"items": size.n_items, **found}


def device_words(device: torch.device) -> Dict[str, Any]:
    """Say which device runs, and by what."""
    words: Dict[str, Any] = {
        "type": device.type,
        "name": platform.processor() or platform.machine(),
    }
    if device.type == "cuda":
        words["name"] = torch.cuda.get_device_name(device)
        words["cuda"] = torch.version.cuda
    return {**words, "torch": torch.__version__, "python": platform.python_version()}


def _trained(place: Place, length: int, size: Size, name: str) -> Dict[str, Any]:
    return training(place, SIDES[name], length, size)


def main() -> None:
    """Measure all three."""
    arguments: argparse.ArgumentParser = measure.parser(__doc__)
    arguments.add_argument("--device", default="cuda", help="cuda, or cpu for a dry run")
    options = arguments.parse_args()
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        sys.exit("gpu.py: there is no CUDA device; --device cpu --quick is a dry run")
    print(f"stood in for: {', '.join(STOOD_IN) or 'nothing'}", flush=True)
    size = QUICK if options.quick else WHOLE
    result: Dict[str, Any] = {"device": device_words(device), "stood_in_for": STOOD_IN}
    with tempfile.TemporaryDirectory() as folder:
        keys: Dict[str, Any] = {"dataset": "ml-100k"}
        if options.quick:
            keys = drawn_log(Path(folder))
        keys.update(checkpoint_dir=folder, show_progress=False, state="ERROR")
        keys["use_gpu"] = device.type == "cuda"
        place = Place(device, keys)
        result["equality"] = _each(size.equal, lambda name: equality(place, EQUAL[name]))
        for length in size.batch:
            result[f"training, L = {length}"] = _each(
                size.sides, partial(_trained, place, length, size)
            )
    result["answers"] = answers(device, size)
    measure.record("gpu", result, options.quick)


def _each(names: Sequence[str], call: Callable[[str], Dict[str, Any]]) -> Dict[str, Any]:
    """Call for each name, and tell what came of it: a machine may be taken away at any moment."""
    found = {}
    for name in names:
        found[name] = call(name)
        print(name, json.dumps(found[name]), flush=True)
    return found


if __name__ == "__main__":
    main()
