"""What a list costs by each re-ranker that is registered, beside plain sorting.

Each one orders a pool of candidates of ml-100k's items, whose scores and vectors are made up, for a
batch of requests. Plain sorting puts the pool in order by its scores. Lists have ten places, and
other settings are the defaults; `reloop2` corrects the scores of the whole pool. One that learns
from its lists has learned from a batch. All sides are measured in turn.
"""

import statistics
import tempfile
from functools import partial
from typing import Any, Callable, Dict

import measure
import torch

from recbole_poem.core.stages import RERANKERS
from recbole_poem.rerankers import Context, Feedback
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble

POOLS = (50, 500)
PLACES = 10
BATCH, SIZE, PAIRS = 64, 64, 9
SORTING = "sorting"


def sides(experiment: Any, pool: int) -> Dict[str, Callable[[], Any]]:
    """Return plain sorting and every re-ranker, each for a batch of requests."""
    draws = torch.Generator().manual_seed(0)
    dataset = experiment.test_data._dataset
    n_items = dataset.item_num
    unsorted = torch.randn(BATCH, pool, generator=draws)
    score = unsorted.sort(descending=True).values
    item = torch.rand(BATCH, n_items - 1, generator=draws).argsort(dim=1)[:, :pool] + 1
    state = torch.randn(BATCH, 1, SIZE, generator=draws)
    context = Context(state, torch.randn(n_items, SIZE, generator=draws))
    found: Dict[str, Callable[[], Any]] = {SORTING: lambda: unsorted.sort(descending=True)}
    for name, component in RERANKERS.components().items():
        asked = {"length": PLACES} if "length" in component.Settings.__dataclass_fields__ else {}
        settings = component.Settings(pool=pool, **asked)
        made = component(settings, experiment.config, dataset)
        if hasattr(made, "observe"):
            made.observe(Feedback(context, item, score, item[:, :PLACES], item[:, :1]))
        found[name] = partial(made.rerank, context, item, score)
    return found


def timed(side: Callable[[], Any]) -> Callable[[], float]:
    """Return what measures the milliseconds that a side takes for a request, once it is warm."""
    side()
    return lambda: measure.seconds(side) / BATCH * 1000


def main() -> None:
    """Measure all pools."""
    options = measure.parser(__doc__).parse_args()
    torch.set_num_threads(1)
    pools, pairs = (POOLS[:1], 1) if options.quick else (POOLS, PAIRS)
    result: Dict[str, Any] = {"threads": 1, "requests_a_batch": BATCH, "pool": {}}
    with tempfile.TemporaryDirectory() as folder:
        keys = {"train_neg_sample_args": None, "checkpoint_dir": folder, "use_gpu": False}
        experiment = assemble(Config("SASRec", "ml-100k", config_dict=keys))
    for pool in pools:
        taken = measure.paired(
            {name: timed(side) for name, side in sides(experiment, pool).items()}, pairs
        )
        result["pool"][str(pool)] = {
            name: {
                "milliseconds_a_request": measure.spread(values),
                "over_sorting": statistics.median(values) / statistics.median(taken[SORTING]),
            }
            for name, values in taken.items()
        }
    measure.record("rerankers", result, options.quick)


if __name__ == "__main__":
    measure.main(globals())
