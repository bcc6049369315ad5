"""The names of a cascade's stages, as the partial order of its candidates (POEM, arXiv 2606.29946).

The paper: shown > re-rank top > rank top > rank rest > coarse rest > pre-rank rest. A stage's rest
is what it scored and did not put at its top. What the re-rank stage scored had passed the rank
stage: ``rerank_rest`` stands before ``rank_rest``, of which the paper's list makes one.

Converters write them, and the source ``logged`` checks and counts them. The request cache keeps a
candidate's stage as its place in `STAGES`, of which the grouping ``by_stage`` makes groups.
"""

from typing import Tuple

import numpy as np

#: the column of ``.cand``, a token
STAGE = "stage"
#: its values, best first
STAGES = (
    "shown",
    "rerank_top",
    "rank_top",
    "rerank_rest",
    "rank_rest",
    "coarse_rest",
    "prerank_rest",
)


def names_of(places: np.ndarray) -> Tuple[str, ...]:
    """Return the names of stages by their places (n,)."""
    return tuple(STAGES[place] for place in places.tolist())
