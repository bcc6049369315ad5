"""The tasks of a multi-task ranker: what each one's loss is and what its output predicts.

A yes/no task (click, long view, like, rare action) is trained by binary cross-entropy. Watch time
has a heavy tail: a few exposures last a hundred times the median, so a squared error in seconds
would be theirs alone. It is trained by the Huber loss (Huber, 1964) of log(1 + seconds), whose
gradient is bounded and whose minimiser lies near the median, which is what the mean absolute error
asks for. (Weighted logistic regression, Covington et al., RecSys 2016, learns the mean instead,
with gradients that grow with the seconds.)
"""

from typing import Dict, NamedTuple, Sequence, Tuple, Type, Union

import torch
import torch.nn.functional as F

from recbole_poem.core.averages import weighted_mean
from recbole_poem.core.errors import InputError


class BinaryTask(NamedTuple):
    """A yes/no label, whose output is a logit.

    Attributes
    ----------
    name : str
    weight : float
        Of the task in the average over tasks, >= 0.
    positive_weight : float
        How many negatives a positive row counts as in the loss, > 0. It is taken out again of the
        predicted probability.
    """

    name: str
    weight: float = 1.0
    positive_weight: float = 1.0

    def loss(self, output: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Binary cross-entropy of each row: logits (B,), labels (B,) in [0, 1]."""
        return F.binary_cross_entropy_with_logits(
            output, label, reduction="none", pos_weight=output.new_tensor(self.positive_weight)
        )

    def predict(self, output: torch.Tensor) -> torch.Tensor:
        """Probability of a positive, of the shape of `output`.

        Weighting the positives by w multiplies the odds that the logit learns by w.
        """
        return torch.sigmoid(output - output.new_tensor(self.positive_weight).log())


class WatchTimeTask(NamedTuple):
    """A time in seconds, whose output is log(1 + seconds).

    Attributes
    ----------
    name : str
    weight : float
        Of the task in the average over tasks, >= 0.
    huber_delta : float
        Where the Huber loss turns from squared to absolute, in units of log(1 + seconds), > 0.
    """

    name: str
    weight: float = 1.0
    huber_delta: float = 1.0

    def loss(self, output: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Huber loss of each row: outputs (B,), labels (B,) in seconds, >= 0."""
        return F.huber_loss(output, label.log1p(), reduction="none", delta=self.huber_delta)

    def predict(self, output: torch.Tensor) -> torch.Tensor:
        """Seconds, >= 0, of the shape of `output`."""
        return output.clamp(min=0).expm1()


Task = Union[BinaryTask, WatchTimeTask]

#: Kinds of tasks by the name that a configuration uses.
TASKS: Dict[str, Type[Task]] = {"binary": BinaryTask, "watch_time": WatchTimeTask}


def check_tasks(tasks: Sequence[Task]) -> None:
    """Raise `InputError` where `tasks` cannot be averaged: no task, a bad weight, a name twice."""
    if not tasks:
        raise InputError("tasks: a multi-task ranker needs at least one task")
    names = [task.name for task in tasks]
    for task in tasks:
        if names.count(task.name) > 1:
            raise InputError(f"tasks: '{task.name}' is there more than once")
        if not task.weight >= 0:
            raise InputError(f"tasks: weight of '{task.name}' must not be negative")
        key = "positive_weight" if isinstance(task, BinaryTask) else "huber_delta"
        if not getattr(task, key) > 0:
            raise InputError(f"tasks: {key} of '{task.name}' must be greater than 0")
    if not any(task.weight > 0 for task in tasks):
        raise InputError("tasks: every weight is 0; at least one must be greater")


def task_losses(
    outputs: torch.Tensor, labels: torch.Tensor, tasks: Sequence[Task], n_processes: int = 1
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Loss of each task over its labelled rows, and their weighted average.

    Parameters
    ----------
    outputs : (B, M)
        One column per task.
    labels : (B, M)
        0/1 for a `BinaryTask`, seconds for a `WatchTimeTask`; NaN where a row has no label for
        the task, which then gives it no gradient.
    tasks : sequence of M tasks
        As `check_tasks` accepts them.
    n_processes : int
        See `recbole_poem.losses.loss.weighted_mean`.

    Returns
    -------
    total : ()
        sum_m weight_m loss_m / sum_m weight_m.
    losses : (M,)
        The mean over the labelled rows; 0 for a task that no row is labelled for.
    """
    known = ~labels.isnan()  # (B, M)
    labels = torch.where(known, labels, 0).to(outputs.dtype)
    losses = torch.stack(
        [
            weighted_mean(task.loss(outputs[:, m], labels[:, m]), known[:, m], n_processes)
            for m, task in enumerate(tasks)
        ]
    )
    weights = outputs.new_tensor([task.weight for task in tasks])
    return losses @ weights / weights.sum(), losses


def predictions(outputs: torch.Tensor, tasks: Sequence[Task]) -> torch.Tensor:
    """Turn outputs (..., M) into probabilities and seconds (..., M), increasing in the outputs."""
    return torch.stack(
        [task.predict(output) for task, output in zip(tasks, outputs.unbind(-1))], dim=-1
    )
