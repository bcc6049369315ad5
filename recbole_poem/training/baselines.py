"""What needs no training, beside the model of a run: judged on the same rows in the same protocol.

`Popularity` ranks by the number of training rows of an item. `Upstream` is the ranking that POEM
reads, in the order of POEM's own score fusion, where that has learned. Re-rankers of the run put
their lists together as well; logit terms and learned weights are the model's own.
"""

from typing import Any, Dict, NamedTuple, Optional

import numpy as np
import torch
from recbole.data.interaction import Interaction
from recbole.trainer import Trainer
from recbole.utils import EvaluatorType
from torch import nn

from recbole_poem.core.fields import REQUEST_ID
from recbole_poem.data.request_log import RequestLogMixin
from recbole_poem.models.upstream import Upstream
from recbole_poem.rankers.multi_task_ranker import MultiTaskRanker
from recbole_poem.rerankers.chain import chain_of
from recbole_poem.training.experiment import Experiment
from recbole_poem.training.loaders import training_split


class Popularity(nn.Module):
    """Scores items by how many training rows they have, for every user alike.

    `recbole_poem.models.pop.Pop` does the same in a run of its own, where ``positive_feedback``
    leaves it the targets alone.

    Parameters
    ----------
    counts : (n_items,) int64
    item_field : str
        Of the items that `predict` scores.
    """

    share: torch.Tensor

    def __init__(self, counts: np.ndarray, item_field: str) -> None:
        super().__init__()
        # of the largest, in double precision: ties fall as they do with RecBole's
        self.register_buffer("share", torch.from_numpy(counts / max(counts.max(), 1)))
        self._item_field = item_field

    def full_sort_predict(self, interaction: Interaction) -> torch.Tensor:
        """Score the whole catalogue for prediction rows, (B, n_items)."""
        return self.share.repeat(len(interaction), 1)

    def predict(self, interaction: Interaction) -> torch.Tensor:
        """Score the item of each prediction row, (B,)."""
        return self.share[interaction[self._item_field]].float()  # as RecBole collects them


def training_counts(experiment: Experiment) -> np.ndarray:
    """Count the training rows of each item, (n_items,) int64.

    Of a model that reads histories they are all rows of the training part, targets or not. Of
    others, and of files that are split beforehand, they are the rows of the training split.
    """
    split = training_split(experiment.train_data)
    if isinstance(split, RequestLogMixin) and REQUEST_ID in split.inter_feat:
        log = split.log
        return np.bincount(log.item[log.training], minlength=log.n_items)
    items = split.inter_feat[split.iid_field].numpy()
    return np.bincount(items, minlength=split.item_num)


def judges_exposures(experiment: Experiment) -> bool:
    """Tell whether a run asks what exposures come to, and not which items are consumed."""
    return isinstance(experiment.model, MultiTaskRanker)


def lists_need_states(experiment: Experiment) -> bool:
    """Tell whether re-rankers of a run read user states, which what needs no training lacks."""
    return chain_of(experiment.config, experiment.test_data._dataset).reads_states


def beside(trainer: Trainer, experiment: Experiment) -> Dict[str, Dict[str, float]]:
    """Test what needs no training, as the model of a run was tested.

    Parameters
    ----------
    trainer : Trainer
        That tested the model.
    experiment : Experiment

    Returns
    -------
    dict
        Names of rows to metrics: Pop for a model that ranks items, and the previous ranking where
        the test rows carry one. Nothing where re-rankers read the states of the model.
    """
    config, data = experiment.config, experiment.test_data
    is_ranking = config["eval_type"] == EvaluatorType.RANKING and not judges_exposures(experiment)
    if not is_ranking or lists_need_states(experiment):
        return {}
    rows: Dict[str, nn.Module] = {}
    if getattr(data._dataset, "cache", None) is not None and not isinstance(
        experiment.model, Upstream
    ):
        name = "previous ranking" if config["request_lag"] == 1 else "cached ranking"
        rows[name] = _ranking_alone(experiment)
    if config["model"] != "Pop":
        field = data._dataset.iid_field
        rows["Pop"] = Popularity(training_counts(experiment), field)
    own = trainer.model
    try:
        found = {}
        for name, model in rows.items():
            trainer.model = model.to(config["device"])
            found[name] = dict(trainer.evaluate(data, load_best_model=False))
        return found
    finally:
        trainer.model = own


def _ranking_alone(experiment: Experiment) -> Upstream:
    """Return the ranking stage alone, with the score fusion of the model, for nobody known."""
    alone = Upstream(experiment.config, training_split(experiment.train_data))
    side = getattr(experiment.model, "ranking_side", None)
    if side is not None:
        alone.score_fusion = side.score_fusion
    return alone


class Targets(NamedTuple):
    """The targets of the test rows.

    Attributes
    ----------
    n_rows, n_users : int
    n_seen : int
        Rows whose user had dealt with the target before.
    """

    n_rows: int
    n_users: int
    n_seen: int


def counted_targets(dataset: Any) -> Optional[Targets]:
    """Count the targets of a test split that were seen before; None where it keeps no log."""
    log = getattr(dataset, "log", None)
    if log is None or REQUEST_ID not in dataset.inter_feat:
        return None
    rows = dataset.inter_feat[REQUEST_ID].numpy()
    pair = log.user * log.n_items + log.item
    again = np.ones(len(pair), dtype=bool)
    again[np.unique(pair, return_index=True)[1]] = False
    return Targets(len(rows), len(np.unique(log.user[rows])), int(again[rows].sum()))
