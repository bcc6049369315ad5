"""Targets: what one task of a ranker predicts; a target knows its labels, loss and measures.

A target is made as ``component(settings, name)``. One whose labels are estimated has a method
``fit`` beside, see `FittedTarget`.
"""

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Protocol, Sequence, Tuple, runtime_checkable

import numpy as np
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.core.settings import FROM_0, setting
from recbole_poem.log.feedback import check_column
from recbole_poem.log.requests import RequestLog
from recbole_poem.log.watch_time import WatchTime, watched_part


@dataclass(frozen=True)
class TargetSettings:
    """Settings that every target has."""

    weight: float = setting(1.0, FROM_0, "weight of the target's loss among all targets")


class Target(Protocol):
    """What a component of the stage offers.

    Attributes
    ----------
    name : str
        As the user calls it.
    settings : TargetSettings
    """

    name: str
    settings: Any

    def labels(self, log: RequestLog) -> np.ndarray:
        """Return the label of every row of a log, (R,); NaN where the log does not tell.

        Which rows have a label does not depend on what was fitted.
        """

    def loss(self, output: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Return the loss of each row, (B,), for outputs (B,) and known labels (B,)."""

    def predict(self, output: torch.Tensor) -> torch.Tensor:
        """Turn outputs of any shape into predictions, increasing in the outputs."""

    def measures(
        self, users: np.ndarray, labels: np.ndarray, scores: np.ndarray, durations: np.ndarray
    ) -> Dict[str, float]:
        """Measure predictions (E,) of exposures: names of measures to values, NaN = undefined.

        `durations` (E,) are those of what was shown, in seconds; NaN where the log does not tell.
        """

    def answers(self, labels: np.ndarray) -> Optional[np.ndarray]:
        """Return the yes/no answers (E,) whose GAUC counts for early stopping; None = none do."""


@runtime_checkable
class FittedTarget(Protocol):
    """A target that estimates something before its labels and predictions are asked for."""

    def fit(self, log: RequestLog) -> None:
        """Estimate from the rows of a log that ``log.training`` marks, and from no others."""


def targets_of(config: Any, log: RequestLog) -> List[Target]:
    """Make the targets of a configuration, and fit those that ask for it.

    Parameters
    ----------
    config : Config
    log : RequestLog
        Whose training part is what may be learned from.

    Raises
    ------
    InputError
        Where there is no target, or none has a weight.
    """
    choices = config.component("targets")
    if not choices:
        raise InputError(
            "targets: a ranker needs at least one, such as {click: {feedback: {is_click: '[1,1]'}}}"
        )
    made: List[Target] = [choice.make(name) for name, choice in choices.items()]
    check_weights(made)
    for target in made:
        if isinstance(target, FittedTarget):
            target.fit(log)
    return made


def came_to_something(target: Target, labels: np.ndarray) -> np.ndarray:
    """Tell which rows came to something for a target, (R,) bool.

    These are its yeses. For a target without answers, such as a watch time, they are the rows with
    a label above 0.

    Parameters
    ----------
    target : Target
    labels : (R,)
        Of the target; NaN where the log does not tell.
    """
    answers = target.answers(labels)
    something: np.ndarray = (labels if answers is None else answers) > 0
    return something


def watch_time_of(log: RequestLog, name: str) -> WatchTime:
    """Return which columns of a log tell the watch time that a target is about.

    Raises
    ------
    InputError
        If the key ``watch_time`` names none; names the target.
    """
    if log.watch_time is None:
        raise InputError(
            f"targets.{name}: say which columns tell it, such as "
            "watch_time: {play: play_time_ms, duration: duration_ms, unit: ms}"
        )
    return log.watch_time


def watched_training_rows(log: RequestLog, name: str) -> Tuple[np.ndarray, np.ndarray]:
    """Return seconds watched, and durations, of the training rows that tell both, (N,) each.

    Raises
    ------
    InputError
        If there is none, or the key ``watch_time`` names no columns; names the target.
    """
    columns = watch_time_of(log, name)
    watched, duration = watched_part(log.values, columns)
    known = log.training & ~np.isnan(watched)
    if not known.any():
        raise InputError(
            f"targets.{name}: no training row has a play time in '{columns.play}' and a duration "
            f"above 0 in '{columns.duration}'"
        )
    return watched[known], duration[known]


def check_weights(targets: Sequence[Target]) -> None:
    """Raise `InputError` where no target has a weight."""
    if not any(target.settings.weight > 0 for target in targets):
        raise InputError("targets: every weight is 0; at least one must be greater")


def check_columns(config: Any, log: RequestLog) -> None:
    """Refuse a given target whose condition names no column, also where no ranker reads it.

    Parameters
    ----------
    config : Config
        Whose targets are looked at where the user or the data set gave them.
    log : RequestLog

    Raises
    ------
    InputError
        Naming the target and the column.
    """
    for name, choice in (config.component("targets") or {}).items():
        for setting_name in ("feedback", "other"):
            key = f"targets.{name}.{setting_name}"
            if not any(map(config.is_given, ("targets", f"targets.{name}", key))):
                continue
            feedback = getattr(choice.settings, setting_name, None) or []
            for condition in feedback if isinstance(feedback, list) else [feedback]:
                for column in condition:
                    check_column(log, column, key)
