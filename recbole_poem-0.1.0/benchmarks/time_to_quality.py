"""Seconds until POEM passes the best validation NDCG@10 that RecBole's SASRec ever reaches.

Both train on ml-100k through the same command with early stopping, each in a process of its own
and on one thread. The clocks start before the data set is read, so POEM's request cache and item
graph are in its time. SASRec takes hours: a side that was interrupted goes on from its checkpoint,
exactly as if it had not been, and its clocks with it. Processor time is what two runs on a machine
with other work are compared by.
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List

import measure

CURVES = measure.RESULTS / "time_to_quality"
SIDES = ("POEM", "SASRec")


def train(model: str, keys: Dict[str, Any], path: str) -> int:
    """Train to early stopping; write one line per epoch with its score and the clocks."""
    begin, cpu = time.perf_counter(), time.process_time()
    from recbole_poem.training import checkpoint
    from recbole_poem.training.config import Config
    from recbole_poem.training.experiment import assemble
    from recbole_poem.training.registry import get_trainer

    curve, state = Path(path), Path(path).with_suffix(".pth")
    given = {"topk": [10], "valid_metric": "NDCG@10", "threads": 1, "show_progress": False}
    given.update(keys, checkpoint_dir=str(curve.parent / "saved"))
    config = Config(model, "ml-100k", config_dict=given)
    experiment = assemble(config)
    trainer = get_trainer(config)(config, experiment.model)
    earlier: List[Dict[str, float]] = []
    if state.exists():
        trainer.resume_checkpoint(str(state))
        earlier = curve_of(curve)[: checkpoint.read(str(state))["epoch"] + 1]
        begin -= earlier[-1]["wall_s"]
        cpu -= earlier[-1]["cpu_s"]
    trainer.saved_model_file = str(state)
    lines = [json.dumps(line) for line in earlier]

    def note(epoch: int, score: float) -> None:
        taken = {"wall_s": time.perf_counter() - begin, "cpu_s": time.process_time() - cpu}
        lines.append(json.dumps({"epoch": epoch, "ndcg@10": score, **taken}))
        curve.write_text("\n".join(lines) + "\n")

    trainer.fit(experiment.train_data, experiment.valid_data, callback_fn=note)
    return 0


def curve_of(path: Path) -> List[Dict[str, float]]:
    """Read the epochs of one side."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def main() -> None:
    """Train both sides and compare the clocks."""
    arguments = measure.parser(__doc__)
    arguments.add_argument(
        "--sides",
        nargs="+",
        choices=SIDES,
        default=list(SIDES),
        help="train these; of the other one the recorded curve stands (default: both)",
    )
    options = arguments.parse_args()
    folder = Path(tempfile.mkdtemp()) if options.quick else CURVES
    folder.mkdir(parents=True, exist_ok=True)
    keys = {"epochs": 1, "MAX_ITEM_LIST_LENGTH": 5} if options.quick else {}
    paths = {side: folder / f"{side}.jsonl" for side in SIDES}
    for side in options.sides:
        print(f"training {side}", flush=True)
        measure.call("train", model=side, keys=keys, path=str(paths[side]))
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
