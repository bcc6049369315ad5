"""Training targets per second: POEM against RecBole's SASRec, and both against the floor.

All sides train on ml-100k with the same d, layers, heads, dropout, history length, targets per
batch and catalogue, through the loaders and optimizers that a run uses; a turn is a few steps, data
loading included. At L = 200 a batch is 512 targets, for 2048 would take SASRec minutes a step.
RecBole leaves autograd's anomaly detection on when it is imported; SASRec is measured with it, as
a user of RecBole gets it, and without.
"""

import itertools
import statistics
import tempfile
import time
from typing import Any, Callable, Dict, Iterator

import measure
import torch

from recbole_poem.models.poem import POEM
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import Experiment, assemble
from recbole_poem.training.registry import get_trainer

BATCH_SIZE = {50: 2048, 200: 512}  # targets by history length
PAPER = {"preset": "paper"}
PLAIN = {
    **PAPER,
    "ranking_reader": "none",
    "losses.system": "none",
    "losses.margin": "none",
}
SAME = {
    "n_layers": 2,
    "n_heads": 2,
    "hidden_size": 64,
    "inner_size": 256,
    "hidden_dropout_prob": 0.5,
    "attn_dropout_prob": 0.5,
    "show_progress": False,
    "state": "ERROR",
}


def experiment(model: str, length: int, folder: str, **keys: Any) -> Experiment:
    """Prepare a run on ml-100k."""
    sizes = {"MAX_ITEM_LIST_LENGTH": length, "train_batch_size": BATCH_SIZE[length]}
    given = {**SAME, **sizes, "checkpoint_dir": folder, **keys}
    return assemble(Config(model, "ml-100k", config_dict=given))


def batches(data: Any) -> Iterator[Any]:
    """Iterate over the training batches, epoch after epoch."""
    for epoch in itertools.count():
        if hasattr(data, "set_epoch"):
            data.set_epoch(epoch)
        yield from data


def steps(run: Experiment, number: int, anomaly: bool = False) -> Callable[[], float]:
    """Return a turn of so many training steps, which says how many targets a second it learned."""
    optimizer = get_trainer(run.config)(run.config, run.model).optimizer
    stream = batches(run.train_data)

    def turn() -> float:
        run.model.train()
        targets, begin = 0, time.perf_counter()
        with torch.autograd.set_detect_anomaly(anomaly, check_nan=anomaly):
            for batch in itertools.islice(stream, number):
                optimizer.zero_grad()
                loss = run.model.calculate_loss(batch)
                total: Any = sum(loss) if isinstance(loss, tuple) else loss
                total.backward()
                optimizer.step()
                is_poem = isinstance(run.model, POEM)
                targets += int((batch["target_id"] > 0).sum()) if is_poem else len(batch)
        return targets / (time.perf_counter() - begin)

    turn()  # warm up: allocator, thread pool, the optimizer's state
    return turn


def gemm_rate(size: int = 1024, repeats: int = 20) -> float:
    """Floating-point operations per second of a float32 matrix product on this machine."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    a @ b
    taken = [measure.seconds(lambda: a @ b) for _ in range(repeats)]
    return 2 * size**3 / statistics.median(taken)


def operations(run: Experiment, length: int) -> float:
    """Floating-point operations that one target costs at least: matrix products, forward and back.

    The history path with all windows full: projections and feed-forward of each block, causal
    attention (half of the square), and the softmax over the catalogue. Backward costs twice the
    forward pass.
    """
    d, inner, layers = (run.config[key] for key in ("hidden_size", "inner_size", "n_layers"))
    block = 2 * (4 * d * d + 2 * d * inner) + 2 * length * d
    return 3.0 * (layers * block + 2 * d * run.dataset.item_num)


def compare(length: int, whole: bool, pairs: int, number: int) -> Dict[str, Any]:
    """Measure all sides at one history length."""
    with tempfile.TemporaryDirectory() as folder:
        stock = experiment("SASRec", length, folder, epochs=1)
        plain = experiment("POEM", length, folder, **PLAIN)
        sides = {
            "sasrec_as_imported": steps(stock, 1, anomaly=True),
            "sasrec": steps(stock, 1),
            "poem_history": steps(plain, number),
        }
        if whole:
            sides["poem_whole"] = steps(experiment("POEM", length, folder, **PAPER), number)
        measured = measure.paired(sides, pairs)
    ratios = {
        f"{ours}_over_{theirs}": measure.ratio(measured[ours], measured[theirs])
        for ours in sides
        if ours.startswith("poem")
        for theirs in sides
        if theirs.startswith("sasrec")
    }
    rate = gemm_rate()
    floor = rate / operations(plain, length)
    return {
        "targets_per_second": {side: statistics.median(v) for side, v in measured.items()},
        "ratios": ratios,
        "gemm_gflops": rate / 1e9,
        "floor_targets_per_second": floor,
        "floor_over_poem_history": floor / statistics.median(measured["poem_history"]),
    }


def main() -> None:
    """Measure at L = 50 and L = 200."""
    arguments = measure.parser(__doc__)
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    pairs = 1 if options.quick else 5
    result: Dict[str, Any] = {"threads": options.threads}
    for length in [50] if options.quick else BATCH_SIZE:
        print(f"history length {length}", flush=True)
        result[f"length_{length}"] = compare(length, length == 50, pairs, number=20)
    measure.record("throughput", result, options.quick)


if __name__ == "__main__":
    measure.main(globals())
