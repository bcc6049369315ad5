"""RecBole's trainer for multi-task rankers, which are judged by how they order exposures."""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch
import torch.distributed
from recbole.trainer import Trainer
from recbole.utils import set_color
from tqdm import tqdm

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import REQUEST_ID, TASK_LABEL
from recbole_poem.rankers.measures import auc, gauc, gauc_impressions, mean_absolute_error, xauc
from recbole_poem.rankers.task_loss import BinaryTask, Task


class Predicted(NamedTuple):
    """E exposures with their labels and predictions.

    Attributes
    ----------
    users : (E,) int64
    labels : (E, M) float32
        NaN = not known.
    scores : (E, M) float32
        Probabilities and seconds.
    """

    users: np.ndarray
    labels: np.ndarray
    scores: np.ndarray


class RankingTrainer(Trainer):
    """RecBole's `Trainer` whose evaluation is that of `ranking_measures`."""

    def evaluate(
        self,
        eval_data: Any,
        load_best_model: bool = True,
        model_file: Optional[str] = None,
        show_progress: bool = False,
    ) -> Optional[Dict[str, float]]:
        """Return `measures`, for the weights that the model has, with ``gauc`` in front.

        That is the mean of the tasks' GAUC, weighted by the impressions that each looks at, so
        that the noise of rare answers does not decide when training stops.

        Raises
        ------
        InputError
            If no user has exposures of both answers for any yes/no task.
        """
        if not eval_data:
            return None
        predicted = self.predict(eval_data, show_progress)
        overall = weighted_gauc(self.model.tasks, *predicted)
        if np.isnan(overall):
            raise InputError(
                "tasks: no user has evaluated exposures of both answers for a yes/no task, so no "
                "GAUC is defined; take a split that leaves users several (split_by_time), or "
                "other tasks"
            )
        return {"gauc": overall, **measures(self.model.tasks, *predicted)}

    @torch.no_grad()
    def predict(self, eval_data: Any, show_progress: bool = False) -> Predicted:
        """Predict the exposures of a loader, those of all processes, each of them once."""
        self.model.eval()
        found: List[Tuple[np.ndarray, ...]] = []
        title = set_color("Evaluate   ", "pink")
        for batch in tqdm(eval_data, desc=title, ncols=100, disable=not show_progress):
            known = (batch[name].numpy() for name in (REQUEST_ID, self.model.USER_ID, TASK_LABEL))
            scores = self.model.predict_tasks(batch.to(self.device))
            found.append((*known, scores.cpu().numpy()))
        rows, *columns = map(np.concatenate, zip(*self._of_all_processes(found)))
        # processes take equally many rows, for which some are given out twice
        once = np.unique(rows, return_index=True)[1]
        return Predicted(*(column[once] for column in columns))

    def _of_all_processes(self, found: List[Any]) -> List[Any]:
        """Join the lists of all processes, in every one of them."""
        if self.config["single_spec"]:
            return found
        lists: List[List[Any]] = [[] for _ in range(self.config["world_size"])]
        torch.distributed.all_gather_object(lists, found)
        return [batch for each in lists for batch in each]


def measures(
    tasks: Sequence[Task], users: np.ndarray, labels: np.ndarray, scores: np.ndarray
) -> Dict[str, float]:
    """Measure how well exposures are predicted.

    Parameters
    ----------
    tasks : sequence of M tasks
    users, labels, scores
        As in `Predicted`.

    Returns
    -------
    dict
        ``gauc <task>`` and ``auc <task>`` of each yes/no task, ``mae <task>`` in seconds and
        ``xauc <task>`` of a watch time. What the exposures leave undefined is left out.
    """
    result: Dict[str, float] = {}
    for task, label, score in zip(tasks, labels.T, scores.T):
        if isinstance(task, BinaryTask):
            result[f"gauc {task.name}"] = gauc(users, label, score)
            result[f"auc {task.name}"] = auc(label, score)
        else:
            result[f"mae {task.name}"] = mean_absolute_error(label, score)
            result[f"xauc {task.name}"] = xauc(label, score)
    return {name: value for name, value in result.items() if not np.isnan(value)}


def weighted_gauc(
    tasks: Sequence[Task], users: np.ndarray, labels: np.ndarray, scores: np.ndarray
) -> float:
    """Average the GAUC of the yes/no tasks, weighted by the impressions that each looks at.

    Parameters are those of `measures`; NaN where no user has both answers to any of them.
    """
    asked = [
        (label, score)
        for task, label, score in zip(tasks, labels.T, scores.T)
        if isinstance(task, BinaryTask)
    ]
    weight = [gauc_impressions(users, label) for label, _ in asked]
    if not sum(weight):
        return float("nan")
    return sum(
        w * gauc(users, label, score) for w, (label, score) in zip(weight, asked) if w
    ) / sum(weight)
