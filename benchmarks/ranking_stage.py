"""What unexposed items do to a multi-task ranker: on exposures, and on a retrieval's candidates.

Rankers with 0 and with 4 unexposed items beside each exposure learn from the training exposures of
a split by time (validation: the day before the last), and are judged on the validation day, twice:
on its exposures, by GAUC and AUC of each target, MAE and XAUC; and on the candidates that the
item-to-item retrieval finds for the requests to predict, by the NDCG@10 of the order that each
target, or the fusion of all, gives them. The retrieval's own order stands beside it. The data set
is KuaiRand-Pure's part or another one with ``targets`` in its preset; ``--quick`` takes ml-100k.
"""

import tempfile
from typing import Any, Dict

import measure
import numpy as np
import torch

from recbole_poem.cache.sources.item_to_item import retrieval
from recbole_poem.fusion.scores.reciprocal_rank import rank_weights
from recbole_poem.log.feedback import positive_rows
from recbole_poem.rankers.trainer import measures, weighted_gauc
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.quick_start import trainer_of
from recbole_poem.training.ranking_stage import TrainedRanker

SPLIT = {"split": {"split_by_time": {"valid": "24 hours", "test": "last 24 hours"}}, "order": "TO"}


def ndcg_at_10(score: np.ndarray, is_target: np.ndarray, is_there: np.ndarray) -> float:
    """NDCG@10 of one target among N candidates, ties against it; (R, N) each."""
    score = np.where(is_there, score, -np.inf)
    of_target = np.where(is_target, score, -np.inf).max(axis=1, keepdims=True)
    rank = 1 + ((score >= of_target) & ~is_target).sum(axis=1)
    gain = np.where(is_target.any(axis=1) & (rank <= 10), 1 / np.log2(1 + rank), 0)
    return float(gain.mean())


def orders(scores: np.ndarray, is_target: np.ndarray, is_there: np.ndarray) -> Dict[str, Any]:
    """NDCG@10 by each objective and by the fusion of all, at equal weights."""
    n_objectives = scores.shape[2]
    quintuple = rank_weights(torch.from_numpy(scores), torch.from_numpy(is_there), 0, 1)
    fused = quintuple.mean(dim=-1).numpy()
    alone = [ndcg_at_10(scores[:, :, m], is_target, is_there) for m in range(n_objectives)]
    return {"fused": ndcg_at_10(fused, is_target, is_there), "by_objective": alone}


def judged(dataset: str, data_path: str, unexposed: int, epochs: int) -> Dict[str, Any]:
    """Train one ranker and judge it."""
    keys: Dict[str, Any] = {"threads": 1, "show_progress": False, "state": "ERROR"}
    keys["eval_args"] = SPLIT
    if data_path:
        keys["data_path"] = data_path
    with tempfile.TemporaryDirectory() as folder:
        keys["checkpoint_dir"] = folder
        own: Dict[str, Any] = {"epochs": epochs, "unexposed_negatives": unexposed}
        own["eval_args"] = {**SPLIT, "mode": "labeled"}
        config = Config("MultiTaskRanker", dataset, config_dict={**keys, **own})
        experiment = assemble(config)
        trainer = trainer_of(experiment)
        trainer.fit(experiment.train_data)
        trainer.evaluate(experiment.valid_data, load_best_model=True)
    predicted = trainer.predict(experiment.valid_data)
    targets = experiment.model.targets
    found = {"gauc": weighted_gauc(targets, predicted), **measures(targets, predicted)}

    assert experiment.valid_data is not None
    exposures = experiment.train_data.exposures
    log = exposures.log
    retrieval_config = Config("POEM", dataset, config_dict=keys)
    positive = positive_rows(log, retrieval_config["positive_feedback"], "positive_feedback")
    rows = experiment.valid_data.rows
    rows = rows[positive[rows]]
    settings = retrieval_config.component("ranking_source").settings
    items, similar = retrieval(settings, retrieval_config, log).estimate(map).rank(rows)
    is_there, is_target = items > 0, items == log.item[rows][:, None]
    scores = TrainedRanker(experiment.model.eval(), exposures).score(rows, items)
    return {
        "exposures": len(predicted.users),
        "measures": found,
        "requests": len(rows),
        "targets_among_candidates": float(is_target.any(axis=1).mean()),
        "ndcg@10_of_retrieval": orders(similar, is_target, is_there)["fused"],
        "ndcg@10_of_ranker": orders(scores, is_target, is_there),
        "targets": [target.name for target in targets],
    }


def main() -> None:
    """Judge both rankers."""
    parser = measure.parser(__doc__)
    parser.add_argument("--dataset", default="kuairand-pure")
    parser.add_argument("--data_path", default="dataset", help="folder of the data set's folder")
    parser.add_argument("--epochs", type=int, default=2)
    options = parser.parse_args()
    given: Dict[str, Any] = {
        "dataset": options.dataset,
        "data_path": options.data_path,
        "epochs": options.epochs,
    }
    if options.quick:
        given = {"dataset": "ml-100k", "data_path": "", "epochs": 1}
    result = {}
    for unexposed in (0, 4):
        print(f"training with {unexposed} unexposed items", flush=True)
        result[f"unexposed_{unexposed}"] = measure.call("judged", unexposed=unexposed, **given)
    measure.record("ranking_stage", result, options.quick)


if __name__ == "__main__":
    measure.main(globals())
