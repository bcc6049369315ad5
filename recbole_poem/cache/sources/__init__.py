"""Ranking sources: who fills the request cache.

A source is made as ``component(settings, context)``, and is a
`recbole_poem.cache.rankings.Ranker`; one that learns first is an `EstimatingRanker`, whose
``estimate`` is handed the parallel map. Its own settings are part of what a cache depends on
without its saying so. One whose rankings come of the stage ``ranker`` has ``trains_rankers``, True.
One that has no use for the stage ``objectives`` names it in ``unread_keys``.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from recbole_poem.core.settings import FLAG, at_least, setting


@dataclass(frozen=True)
class SourceSettings:
    """Settings that every source has."""

    n_candidates: int = setting(100, at_least(1), "N, candidates kept per request")
    raw_scores: bool = setting(
        False, FLAG, "keep scores in four bytes; else their ranks, in one where N is up to 255"
    )
    only_read: bool = setting(
        False, FLAG, "make the rankings that this run reads, and no others; the run is the same"
    )


class SourceContext(NamedTuple):
    """What a source is made from.

    Attributes
    ----------
    config : Config
        Of the run.
    dataset : POEMDataset
        Its training split: the log's training part is final.
    folder : Path
        Of the caches of the data set, for what a source stores beside them.
    """

    config: Any
    dataset: Any
    folder: Path
