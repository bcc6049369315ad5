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
import copy
import itertools
import json
import platform
import sys
import tempfile
import time
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Callable, ContextManager, Dict, NamedTuple, Sequence

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

from recbole_poem.serving.query import Query  # noqa: E402
from recbole_poem.serving.recommender import Recommender  # noqa: E402
from recbole_poem.training.config import Config  # noqa: E402
from recbole_poem.training.experiment import Experiment, assemble  # noqa: E402
from recbole_poem.training.registry import get_trainer  # noqa: E402

EVEN = {"losses.margin.negatives": "uniform"}
HISTORY = {
    "model": "POEM", "preset": "paper", "ranking_reader": "none", "losses.system": "none",
    "losses.margin": "none",
}  # fmt: skip
SIDES: Dict[str, Dict[str, Any]] = {
    "sasrec": {"model": "SASRec", "train_neg_sample_args": None},
    "poem_history": HISTORY,
    "poem_rankings": {"model": "POEM", "preset": "paper", **EVEN},
    "poem_default": {"model": "POEM", **EVEN},
}
EQUAL: Dict[str, Dict[str, Any]] = {
    **{name: keys for name, keys in SIDES.items() if name != "poem_default"},
    "poem_default": {**SIDES["poem_default"], "history_encoder.item_dropout": 0.0},
    **{
        name: {"model": "POEM", "preset": name}
        for name in ("esasrec", "gsasrec", "hstu", "fair", "cape", "rote", "interpos", "sqn")
    },
    "comirec": {"model": "POEM", "preset": "comirec"},
    "umre": {
        "model": "POEM", "preset": "umre", **EVEN, "history_encoder.item_dropout": 0.0,
    },
}  # fmt: skip
NO_NOISE = {"hidden_dropout_prob": 0.0, "attn_dropout_prob": 0.0}


class Size(NamedTuple):
    """How much is measured.

    Attributes
    ----------
    equal : sequence of str
        Of `EQUAL`.
    sides : sequence of str
        Of `SIDES`.
    batch : dict
        Targets of a batch by the length of the history.
    most_steps : int
        Of an epoch; where it has more, seconds are reckoned from so many.
    n_items : int
        Of the catalogue that is asked.
    answers : tuple of int
        Requests at once.
    """

    equal: Sequence[str]
    sides: Sequence[str]
    batch: Dict[int, int]
    most_steps: int
    n_items: int
    answers: Sequence[int]


WHOLE = Size(tuple(EQUAL), tuple(SIDES), {50: 2048, 200: 512}, 200, 100_000, (1, 64, 256, 1024))
QUICK = Size(("sasrec",), ("poem_default",), {10: 64}, 2, 1_000, (1, 8))


class Place(NamedTuple):
    """Where and of what is trained: a device, and the keys of the data."""

    device: torch.device
    keys: Dict[str, Any]

    def run(self, on_cpu: bool = False, **keys: Any) -> Experiment:
        """Prepare a run; on the CPU, or on the device."""
        config = Config(config_dict={**self.keys, **keys})
        config["device"] = torch.device("cpu") if on_cpu else self.device
        return assemble(config)

    def wait(self) -> None:
        """Wait until the device has done what it was told."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()


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


def equality(place: Place, keys: Dict[str, Any]) -> Dict[str, float]:
    """Train three steps on both devices; return their last losses, and the largest difference."""
    here = place.run(on_cpu=True, **NO_NOISE, **keys)
    models = {"cpu": here.model, "device": copy.deepcopy(here.model).to(place.device)}
    optimizers = {
        name: torch.optim.SGD(model.parameters(), lr=0.1) for name, model in models.items()
    }
    _begin(here, 0)
    worst = 0.0
    for batch in itertools.islice(here.train_data, 3):
        losses = {}
        for name, model in models.items():
            where = next(model.parameters()).device
            loss = _total(model.train().calculate_loss(copy.deepcopy(batch).to(where)))
            optimizers[name].zero_grad()
            loss.backward()
            optimizers[name].step()
            losses[name] = float(loss)
        worst = max(worst, abs(losses["device"] / losses["cpu"] - 1))
    return {**losses, "largest_relative_difference": worst}


def epoch(place: Place, run: Experiment, mode: str, size: Size) -> Dict[str, Any]:
    """Measure an epoch of training in one mode, behind a few steps that warm up."""
    learn: Callable[[Any], Any] = run.model.calculate_loss
    precision: Callable[[], ContextManager[Any]] = nullcontext
    if mode == "bfloat16":
        precision = lambda: torch.autocast(place.device.type, torch.bfloat16)  # noqa: E731
    if mode == "compiled":
        backend = "inductor" if place.device.type == "cuda" else "eager"
        learn = torch.compile(learn, dynamic=True, backend=backend)
    optimizer = get_trainer(run.config)(run.config, run.model).optimizer
    run.model.train()

    def steps(number: int, turn: int) -> float:
        _begin(run, turn)
        place.wait()
        begin = time.perf_counter()
        for batch in itertools.islice(run.train_data, number):
            optimizer.zero_grad()
            with precision():
                loss = _total(learn(batch.to(place.device)))
            loss.backward()
            optimizer.step()
        place.wait()
        return time.perf_counter() - begin

    steps(min(3, size.most_steps), 0)
    if place.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    number = min(len(run.train_data), size.most_steps)
    taken = steps(number, 1)
    memory = torch.cuda.max_memory_allocated() if place.device.type == "cuda" else None
    return {
        "epoch_s": taken / number * len(run.train_data),
        "steps": number,
        "peak_device_mib": None if memory is None else memory / 2**20,
    }


def training(place: Place, keys: Dict[str, Any], length: int, size: Size) -> Dict[str, Any]:
    """Measure one side in every mode."""
    sizes: Dict[str, Any] = {"MAX_ITEM_LIST_LENGTH": length}
    sizes["train_batch_size"] = size.batch[length]
    found: Dict[str, Any] = {}
    run = place.run(**sizes, **keys)
    for mode in ("float32", "bfloat16", "compiled"):
        try:
            found[mode] = epoch(place, run, mode, size)
        except Exception as error:  # a mode that this torch cannot do is a result
            found[mode] = {"failed": f"{type(error).__name__}: {error}".splitlines()[0][:300]}
        torch.compiler.reset()
    _begin(run, 2)
    batches = itertools.islice(run.train_data, size.most_steps)
    number = min(len(run.train_data), size.most_steps)
    seconds = measure.seconds(lambda: [None for _ in batches])
    return {**found, "loading_s": seconds / number * len(run.train_data)}


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


def _begin(run: Experiment, number: int) -> None:
    """Let a loader and the noise begin an epoch."""
    torch.manual_seed(number)
    run.train_data.generator.manual_seed(number)
    if hasattr(run.train_data, "set_epoch"):
        run.train_data.set_epoch(number)


def _total(loss: Any) -> torch.Tensor:
    total: Any = sum(loss) if isinstance(loss, tuple) else loss
    return total


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
