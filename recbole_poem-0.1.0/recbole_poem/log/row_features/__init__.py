"""Row features: what a row of a history knows beside its item, in a log as in a request."""

from typing import Any, Dict, Mapping, Protocol

import numpy as np

from recbole_poem.log.requests import RequestLog


class RowFeature(Protocol):
    """A component of the stage ``row_features``, made of its settings.

    Attributes
    ----------
    n_slots : int
        Values are slots, whole numbers from 0 below it, each with an embedding that history
        encoders add to the item's; 0 stands for what is not known and beyond a window, and adds
        nothing. With ``n_slots = 0`` values are numbers, for those who ask for them by name.
    dropout : float
        Share of the training windows that go without it, so that histories without it are answered.
    """

    n_slots: int
    dropout: float

    def of_log(self, log: RequestLog, per_second: float) -> np.ndarray:
        """Return the value of every row of a log, (R,).

        Parameters
        ----------
        log : RequestLog
        per_second : float
            Units of its times in a second.
        """

    def of_request(self, time: np.ndarray, first: np.ndarray, per_second: float) -> np.ndarray:
        """Return the value of every row of some raw histories, (E,), as `of_log` would.

        Parameters
        ----------
        time : (E,) float64
            Of histories one behind the other; NaN = not known.
        first : (E,) bool
            Whether a row is the first of its history.
        per_second : float
            Units of the times in a second.
        """


def features_of(config: Any) -> Dict[str, RowFeature]:
    """Return the row features of a configuration, by their names; none for RecBole's models."""
    chosen: Mapping[str, Any] = config.component("row_features") or {}
    return {name: choice.make() for name, choice in chosen.items()}


def field_of(name: str) -> str:
    """Return the field of a batch that holds a feature, (B, W)."""
    return f"row_{name}"
