"""Seconds until POEM passes the best validation NDCG@10 that RecBole's SASRec ever reaches.

Both train on ml-100k through the same command with early stopping, one after the other, each in
a process of its own and on one thread. The clock starts before the data set is read, so POEM's
request cache and item graph are in its time. Epochs are kept in ``results/time_to_quality/``; a
side that is there already is not run again unless it is named with ``--sides``.
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List

import measure

CURVES = measure.RESULTS / "time_to_quality"
SIDES = {"SASRec": {}, "POEM": {}}


def train(model: str, keys: Dict[str, Any], path: str) -> int:
    """Train to early stopping; write one line per epoch with its score and the clock."""
    begin, cpu = time.perf_counter(), time.process_time()
    from recbole_poem.config import Config
    from recbole_poem.quick_start import assemble
    from recbole_poem.registry import get_trainer

    with tempfile.TemporaryDirectory() as folder, Path(path).open("w") as curve:
        given = {"checkpoint_dir": folder, "topk": [10], "valid_metric": "NDCG@10", "threads": 1}
        config = Config(model, "ml-100k", config_dict={**given, "show_progress": False, **keys})
        experiment = assemble(config)

        def note(epoch: int, score: float) -> None:
            taken = {"wall_s": time.perf_counter() - begin, "cpu_s": time.process_time() - cpu}
            line = {"epoch": epoch, "ndcg@10": score, **taken}
            print(json.dumps(line), file=curve, flush=True)

        trainer = get_trainer(config)(config, experiment.model)
        trainer.fit(experiment.train_data, experiment.valid_data, saved=False, callback_fn=note)
    return 0


def curve_of(path: Path) -> List[Dict[str, float]]:
    """Read the epochs of one side."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def main() -> None:
    """Train both sides and compare the clocks."""
    arguments = measure.parser(__doc__)
    arguments.add_argument("--sides", nargs="*", choices=SIDES, help="train these (again)")
    options = arguments.parse_args()
    folder = Path(tempfile.mkdtemp()) if options.quick else CURVES
    folder.mkdir(parents=True, exist_ok=True)
    limit = {"epochs": 1, "MAX_ITEM_LIST_LENGTH": 5} if options.quick else {}
    paths = {side: folder / f"{side}.jsonl" for side in SIDES}
    for side, path in paths.items():
        wanted = not path.exists() if options.sides is None else side in options.sides
        if wanted:
            print(f"training {side}", flush=True)
            measure.call("train", model=side, keys={**SIDES[side], **limit}, path=str(path))
    if not all(path.exists() for path in paths.values()):
        return
    reference, ours = curve_of(paths["SASRec"]), curve_of(paths["POEM"])
    best = max(reference, key=lambda line: line["ndcg@10"])
    passed = next((line for line in ours if line["ndcg@10"] > best["ndcg@10"]), None)
    result: Dict[str, Any] = {"sasrec_best": best, "sasrec_end": reference[-1], "poem": passed}
    if passed is not None:
        for clock in ("wall_s", "cpu_s"):
            result[f"poem_over_sasrec_{clock}"] = passed[clock] / best[clock]
    measure.record("time_to_quality", result, options.quick)


if __name__ == "__main__":
    measure.main(globals())
