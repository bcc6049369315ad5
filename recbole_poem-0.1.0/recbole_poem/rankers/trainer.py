"""RecBole's trainer for multi-task rankers, which are judged by how they order exposures.

A ranker or the component ``ranker_optimizer`` may bring the optimizer and the gradient; see
`recbole_poem.rankers.networks`.
"""

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch
import torch.distributed
from recbole.trainer import Trainer
from recbole.utils import set_color
from tqdm import tqdm

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import REQUEST_ID, TASK_LABEL
from recbole_poem.rankers.measures import gauc, gauc_impressions
from recbole_poem.rankers.networks import OwnBackward, OwnOptimizer
from recbole_poem.rankers.own_backward import with_backward
from recbole_poem.rankers.targets import Target


class Predicted(NamedTuple):
    """E exposures with their labels and predictions.

    Attributes
    ----------
    users : (E,) int64
    labels : (E, M) float32
        NaN = not known.
    scores : (E, M) float32
        Probabilities and seconds.
    durations : (E,) float64
        Of what was shown, in seconds; NaN = not known.
    """

    users: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    durations: np.ndarray


class RankingTrainer(Trainer):
    """RecBole's `Trainer` whose evaluation is that of the targets, and that asks the ranker."""

    def _build_optimizer(self, **kwargs: Any) -> torch.optim.Optimizer:
        learner, build = self.model.learner, super()._build_optimizer
        if not isinstance(learner, OwnOptimizer):
            return build(**kwargs)
        own: torch.optim.Optimizer = learner.optimizer(
            list(self.model.parameters()), lambda parameters: build(params=parameters)
        )
        return own

    def _train_epoch(
        self,
        train_data: Any,
        epoch_idx: int,
        loss_func: Optional[Callable[..., Any]] = None,
        show_progress: bool = False,
    ) -> Any:
        learner, calculate = self.model.learner, loss_func or self.model.calculate_loss
        if isinstance(learner, OwnBackward):
            parameters, own = list(self.model.parameters()), learner.backward

            def loss_func(interaction: Any) -> Tuple[torch.Tensor, ...]:
                return with_backward(calculate(interaction), lambda losses: own(losses, parameters))

        return super()._train_epoch(
            train_data, epoch_idx, loss_func=loss_func, show_progress=show_progress
        )

    def evaluate(
        self,
        eval_data: Any,
        load_best_model: bool = True,
        model_file: Optional[str] = None,
        show_progress: bool = False,
    ) -> Optional[Dict[str, float]]:
        """Return `measures`, for the weights that the model has, with ``gauc`` in front.

        That is the mean of the targets' GAUC, weighted by the impressions that each looks at, so
        that the noise of rare answers does not decide when training stops.

        Raises
        ------
        InputError
            If no user has exposures of both answers for any yes/no target.
        """
        if not eval_data:
            return None
        predicted = self.predict(eval_data, show_progress)
        overall = weighted_gauc(self.model.targets, predicted)
        if np.isnan(overall):
            raise InputError(
                "targets: no user has evaluated exposures of both answers for a yes/no target, so "
                "no GAUC is defined; take a split that leaves users several (split_by_time), or "
                "other targets"
            )
        return {"gauc": overall, **measures(self.model.targets, predicted)}

    @torch.no_grad()
    def predict(self, eval_data: Any, show_progress: bool = False) -> Predicted:
        """Predict the exposures of a loader, those of all processes, each of them once."""
        self.model.eval()
        found: List[Tuple[np.ndarray, ...]] = []
        title = set_color("Evaluate   ", "pink")
        for batch in tqdm(eval_data, desc=title, ncols=100, disable=not show_progress):
            known = (batch[name].numpy() for name in (REQUEST_ID, self.model.USER_ID, TASK_LABEL))
            scores = self.model.predict_targets(batch.to(self.device))
            found.append((*known, scores.cpu().numpy()))
        columns = map(np.concatenate, zip(*self._of_all_processes(found)))
        rows, users, labels, scores = columns
        # processes take equally many rows, for which some are given out twice
        once = np.unique(rows, return_index=True)[1]
        durations = eval_data.exposures.duration(rows[once])
        return Predicted(users[once], labels[once], scores[once], durations)

    def _of_all_processes(self, found: List[Any]) -> List[Any]:
        """Join the lists of all processes, in every one of them."""
        if self.config["single_spec"]:
            return found
        lists: List[List[Any]] = [[] for _ in range(self.config["world_size"])]
        torch.distributed.all_gather_object(lists, found)
        return [batch for each in lists for batch in each]


def measures(targets: Sequence[Target], of: Predicted) -> Dict[str, float]:
    """Measure how well exposures are predicted, for M targets.

    Returns
    -------
    dict
        ``<measure> <target>`` of each measure of each target, such as ``gauc click``. What the
        exposures leave undefined is left out.
    """
    result = {
        f"{name} {target.name}": value
        for target, label, score in zip(targets, of.labels.T, of.scores.T)
        for name, value in target.measures(of.users, label, score, of.durations).items()
    }
    return {name: value for name, value in result.items() if not np.isnan(value)}


def weighted_gauc(targets: Sequence[Target], of: Predicted) -> float:
    """Average the GAUC of the yes/no targets, weighted by the impressions that each looks at.

    NaN where no user has both answers to any of them.
    """
    answered = (target.answers(label) for target, label in zip(targets, of.labels.T))
    asked = [(answer, score) for answer, score in zip(answered, of.scores.T) if answer is not None]
    weight = [gauc_impressions(of.users, answer) for answer, _ in asked]
    if not sum(weight):
        return float("nan")
    return sum(
        w * gauc(of.users, answer, score) for w, (answer, score) in zip(weight, asked) if w
    ) / sum(weight)
