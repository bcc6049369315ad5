"""What became of requests: what was found, ranked, shown, seen and done."""

from typing import Dict, NamedTuple

import numpy as np


class Served(NamedTuple):
    """What became of B requests, one of each user.

    Attributes
    ----------
    user, request : (B,) int
    time : (B,) float
        Whole seconds since the world began.
    context : (B, d) float
        z of the request, which nobody but the world knows.
    bored : (B, C) float
        As the request found it.
    candidates : (B, R) int
        What was retrieved and could be shown; `NONE` in place of the others.
    ranked : (B, N) int
        The ranking, best first; `NONE` behind the last.
    scores : (B, N, M) float
    shown : (B, L) int
        The list; `NONE` where there was no further candidate.
    seen : (B, L) bool
        Whether the user got so far.
    began : (B, L) float
        When each video began.
    seconds : (B, L) float
        Watched.
    utility : (B, L) float
    reactions : dict of name to (B, L) bool
        ``click``, ``long_view`` and the others, of what was seen.
    left : (B,) bool
        Whether the user left within the list.
    """

    user: np.ndarray
    request: np.ndarray
    time: np.ndarray
    context: np.ndarray
    bored: np.ndarray
    candidates: np.ndarray
    ranked: np.ndarray
    scores: np.ndarray
    shown: np.ndarray
    seen: np.ndarray
    began: np.ndarray
    seconds: np.ndarray
    utility: np.ndarray
    reactions: Dict[str, np.ndarray]
    left: np.ndarray
