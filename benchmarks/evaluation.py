"""Full-ranking evaluation of the test rows of ml-100k: POEM against RecBole's SASRec, in turn.

A turn is what a user waits for: the loader, the scores of the whole catalogue, the top items, the
metrics. The weights are untrained, which changes no time. Beside it, what a batch of scores takes
to be collected for the metrics: by RecBole's collector and by ours, which find the same.
"""

import statistics
import tempfile
from typing import Any, Callable

import measure
import torch
from recbole.evaluator import Collector

from recbole_poem.training.collector import PlainCollector
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.registry import get_trainer

PAPER = {"preset": "paper"}
PLAIN = {
    **PAPER,
    "ranking_reader": "none",
    "losses.system": "none",
    "losses.margin": "none",
}


def evaluation(model: str, folder: str, **keys: Any) -> Callable[[], float]:
    """Return a turn that evaluates and says how long it took, in seconds."""
    given = {"checkpoint_dir": folder, "show_progress": False, "state": "ERROR", **keys}
    config = Config(model, "ml-100k", config_dict=given)
    run = assemble(config)
    trainer = get_trainer(config)(config, run.model)

    def turn() -> float:
        return measure.seconds(lambda: trainer.evaluate(run.test_data, load_best_model=False))

    turn()
    return turn


def collecting(kind: Any, n_rows: int, n_items: int) -> Callable[[], float]:
    """Return a turn in which a collector takes scores (n_rows, n_items), one target a row."""
    keys = {"metrics": ["Hit", "NDCG", "MRR"], "topk": [10, 50], "valid_metric": "NDCG@10"}
    collector = kind(Config("POEM", "ml-100k", config_dict=keys))
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(n_rows, n_items, generator=generator)
    target = torch.randint(1, n_items, (n_rows,), generator=generator)
    batch = scores, None, torch.arange(n_rows), target
    return lambda: measure.seconds(lambda: collector.eval_batch_collect(*batch))


def main() -> None:
    """Measure the three models in turn on one thread, and then both collectors."""
    options = measure.parser(__doc__).parse_args()
    torch.set_num_threads(1)
    small = {"ranking_source.n_candidates": 10} if options.quick else {}
    with tempfile.TemporaryDirectory() as folder:
        sides = {
            "sasrec": evaluation("SASRec", folder, lazy_sequences=options.quick),
            "poem_history": evaluation("POEM", folder, **PLAIN),
            "poem_whole": evaluation("POEM", folder, **PAPER, **small),
        }
        measured = measure.paired(sides, 2 if options.quick else 9)
    size = (500, 1_000) if options.quick else (4_096, 7_000)
    kinds = {"recbole": Collector, "ours": PlainCollector}
    collectors = {name: collecting(kind, *size) for name, kind in kinds.items()}
    collected = measure.paired(collectors, 2 if options.quick else 9)
    result = {
        "seconds": {side: statistics.median(taken) for side, taken in measured.items()},
        "poem_whole_over_sasrec": measure.ratio(measured["poem_whole"], measured["sasrec"]),
        "poem_history_over_sasrec": measure.ratio(measured["poem_history"], measured["sasrec"]),
        "collecting_recbole_over_ours": measure.ratio(collected["recbole"], collected["ours"]),
    }
    measure.record("evaluation", result, options.quick)


if __name__ == "__main__":
    measure.main(globals())
