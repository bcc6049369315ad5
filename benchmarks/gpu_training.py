"""What trains on a device, and what is measured of it; ``gpu.py`` runs it and says why."""

import copy
import itertools
import time
from contextlib import nullcontext
from typing import Any, Callable, ContextManager, Dict, NamedTuple, Sequence

import measure
import torch

from recbole_poem.training.config import Config
from recbole_poem.training.experiment import Experiment, assemble
from recbole_poem.training.registry import get_trainer

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


def _begin(run: Experiment, number: int) -> None:
    """Let a loader and the noise begin an epoch."""
    torch.manual_seed(number)
    run.train_data.generator.manual_seed(number)
    if hasattr(run.train_data, "set_epoch"):
        run.train_data.set_epoch(number)


def _total(loss: Any) -> torch.Tensor:
    total: Any = sum(loss) if isinstance(loss, tuple) else loss
    return total
