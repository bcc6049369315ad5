"""What a training step takes by each loss of the next item, over one by the exact softmax.

All sides train the Transformer of the throughput benchmark at L = 50, d = 64 on histories alone,
data loading, draws of negatives and optimizer included. The log is made up: every item occurs, and
of 53 rows a user has 50 training targets, so that windows are full. All sides are measured in turn.
"""

import statistics
import tempfile
from pathlib import Path
from typing import Any, Dict

import measure
import numpy as np
import pandas as pd
import torch
from throughput import BATCH_SIZE, SAME, steps

from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble

LENGTH, ROWS = 50, 53
CATALOGUES, QUICK = (7_000, 100_000), (2_000,)
EXACT = "feedback, exact softmax"
SIDES: Dict[str, Dict[str, Any]] = {
    EXACT: {"losses": {"feedback": {}}},
    "feedback, 2,000 negatives a batch": {"losses": {"feedback": {}}, "full_softmax_limit": 0},
    "gbce, 256": {"losses": {"gbce": {}}},
    "sampled_softmax, 256": {"losses": {"sampled_softmax": {}}},
    "sampled_softmax, in_batch": {"losses": {"sampled_softmax": {"number": 0, "in_batch": True}}},
    "sampled_softmax, 256 and in_batch": {"losses": {"sampled_softmax": {"in_batch": True}}},
    "setrank, uniform 30": {"losses": {"setrank": {}}},
    "setrank, graph 4": {"losses": {"setrank": {"negatives": "graph"}}},
}
KEYS: Dict[str, Any] = {
    **SAME,
    "preset": "paper",
    "ranking_reader": "none",
    "MAX_ITEM_LIST_LENGTH": LENGTH,
    "train_batch_size": BATCH_SIZE[LENGTH],
    "full_softmax_limit": 10**6,
}


def write(folder: Path, n_items: int) -> Dict[str, Any]:
    """Write a log in which every item occurs, and return the keys that load it."""
    rng = np.random.default_rng(0)
    n_users = max(300, -(-n_items // ROWS))
    item = np.r_[np.arange(n_items), rng.integers(0, n_items, n_users * ROWS - n_items)]
    user, place = np.divmod(np.arange(n_users * ROWS), ROWS)
    log = pd.DataFrame({"user_id": user, "item_id": rng.permutation(item), "timestamp": place})
    (folder / "made").mkdir(parents=True)
    header = ["user_id:token", "item_id:token", "timestamp:float"]
    log.to_csv(folder / "made" / "made.inter", sep="\t", index=False, header=header)
    load_col = {"inter": list(log.columns)}
    return {"data_path": str(folder), "load_col": load_col, "checkpoint_dir": str(folder / "saved")}


def compare(n_items: int, pairs: int) -> Dict[str, Any]:
    """Measure all sides on a catalogue."""
    with tempfile.TemporaryDirectory() as folder:
        keys = {**KEYS, **write(Path(folder), n_items)}
        runs = {
            side: assemble(Config("POEM", "made", config_dict={**keys, **given}))
            for side, given in SIDES.items()
        }
        rate = measure.paired({side: steps(run, 2) for side, run in runs.items()}, pairs)
    return {
        "targets_per_second": {side: statistics.median(taken) for side, taken in rate.items()},
        "step_over_exact": {
            side: measure.ratio(rate[EXACT], taken) for side, taken in rate.items() if side != EXACT
        },
    }


def main() -> None:
    """Measure both catalogues."""
    arguments = measure.parser(__doc__)
    arguments.add_argument("--threads", type=int, default=1)
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    catalogues, pairs = (QUICK, 1) if options.quick else (CATALOGUES, 5)
    result: Dict[str, Any] = {"threads": options.threads, "targets_a_batch": BATCH_SIZE[LENGTH]}
    result["items"] = {str(n_items): compare(n_items, pairs) for n_items in catalogues}
    measure.record("losses", result, options.quick)


if __name__ == "__main__":
    measure.main(globals())
