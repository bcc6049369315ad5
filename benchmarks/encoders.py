"""What encoders of histories cost over the plain one: training, and the answer to one request.

The plain encoder is the Transformer with learned places and the usual attention. Beside it stand
every other position and attention that is registered, each in its place. Every other history
encoder is as the preset of its name has it, or else its defaults. Windows of ml-100k have up to 50
rows, d = 64, the rest is as in ``throughput``.

``step`` is the forward and the backward pass of the encoder alone over the windows of a batch.
``batch`` is a whole step of the sequential model: loading, loss and optimizer with it. ``request``
is what the service computes of one history before it scores items, recorded. All sides take turns,
each with a pass before those that count. Times are the processor's, of one thread: others who work
on the machine move them least.
"""

import itertools
import tempfile
import time
from typing import Any, Callable, Dict

import measure
import torch
from throughput import PLAIN, batches, experiment

from recbole_poem.core.config_files import read_yaml
from recbole_poem.core.stages import ATTENTIONS, HISTORY_ENCODERS, POSITIONS
from recbole_poem.serving.interest import Interests
from recbole_poem.training.experiment import Experiment
from recbole_poem.training.properties import PROPERTIES
from recbole_poem.training.registry import get_trainer

LENGTH = 50
PLAIN_SIDE = "transformer"


def registered() -> Dict[str, Dict[str, Any]]:
    """Return the keys of all sides by their names, the plain one first."""
    sides: Dict[str, Dict[str, Any]] = {PLAIN_SIDE: _keys({"name": PLAIN_SIDE})}
    usual = HISTORY_ENCODERS.choose(PLAIN_SIDE, "history_encoder").settings
    for stage, choice in ((POSITIONS, usual.position), (ATTENTIONS, usual.attention)):
        for name, component in stage.components().items():
            if name != choice.name:
                block = {"name": PLAIN_SIDE, stage.key: name}
                sides[name] = _keys(block, getattr(component, "reads", ()))
    for name in sorted(HISTORY_ENCODERS.components().keys() - {PLAIN_SIDE}):
        path = PROPERTIES / "preset" / f"{name}.yaml"
        preset = read_yaml(path) if path.is_file() else {}
        both = ("history_encoder", "row_features")
        chosen: Dict[str, Any] = {key: preset[key] for key in both if key in preset}
        sides[name] = {**_keys({"name": name}), **chosen}
    return sides


def _keys(block: Dict[str, Any], reads: Any = ()) -> Dict[str, Any]:
    told: Dict[str, Any] = {name: {"dropout": 0} for name in reads}
    return {**PLAIN, "history_encoder": block, "row_features": told}


def step(run: Experiment, repeats: int) -> Callable[[], float]:
    """Return a turn of passes forward and back through the encoder."""
    model, windows = run.model.train(), next(iter(run.train_data))
    items = model.item_embedding(windows[model.ITEM_SEQ]).detach().requires_grad_()
    rows = model.rows(windows)

    def once() -> None:
        model.history_encoder(items, rows).sum().backward()

    return timed(once, repeats)


def batch(run: Experiment, repeats: int) -> Callable[[], float]:
    """Return a turn of training steps."""
    optimizer = get_trainer(run.config)(run.config, run.model).optimizer
    model, stream = run.model.train(), batches(run.train_data)

    def once() -> None:
        optimizer.zero_grad()
        torch.stack(model.calculate_loss(next(stream))).sum().backward()
        optimizer.step()

    return timed(once, repeats)


def request(run: Experiment, repeats: int) -> Callable[[], float]:
    """Return a turn of answers to one request; nothing is trained behind it."""
    two = run.test_data._dataset[torch.arange(2)]
    interests, one = Interests(run.model.eval(), two), two[:1]
    return timed(lambda: interests(one), 50 * repeats)


def timed(once: Callable[[], Any], repeats: int) -> Callable[[], float]:
    """Return a turn that tells the processor's milliseconds of one call."""

    def turn() -> float:
        once()
        begin = time.process_time()
        for _ in itertools.repeat(None, repeats):
            once()
        return 1000 * (time.process_time() - begin) / repeats

    return turn


def compared(sides: Dict[str, Callable[[], float]], pairs: int) -> Dict[str, Any]:
    """Measure all sides in turn, and compare each with the plain one."""
    taken = measure.paired(sides, pairs)
    plain = taken.pop(PLAIN_SIDE)
    return {
        "milliseconds_of_the_plain_encoder": measure.spread(plain),
        "over_the_plain_encoder": {
            name: measure.ratio(values, plain) for name, values in taken.items()
        },
    }


def main() -> None:
    """Measure all three."""
    quick = measure.parser(__doc__).parse_args().quick
    torch.set_num_threads(1)
    repeats, pairs = (1, 2) if quick else (4, 9)
    result: Dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        runs = {
            name: experiment("POEM", LENGTH, folder, **keys) for name, keys in registered().items()
        }
        for part in (step, batch, request):
            print(part.__name__, flush=True)
            sides = {name: part(run, repeats) for name, run in runs.items()}
            result[part.__name__] = compared(sides, pairs)
    measure.record("encoders", result, quick)


if __name__ == "__main__":
    measure.main(globals())
