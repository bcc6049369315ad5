"""Components by the words that a configuration has for them."""

from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
import torch

from recbole_poem.core.stage import Choice
from recbole_poem.core.stages import OBJECTIVES, TARGETS
from recbole_poem.rankers.target_loss import averaged, row_losses
from recbole_poem.retrieval.counts import Counts, Pairs, counted


def objectives_of(given: Any) -> Dict[str, Choice]:
    """Choose the objectives that the key ``objectives`` says."""
    chosen: Dict[str, Choice] = OBJECTIVES.choose(given, "objectives")
    return chosen


def similarity_of(name: str, **settings: Any) -> Any:
    """Make one similarity."""
    return objectives_of({"x": {"similarity": name, **settings}})["x"].make()


def pairs_of(similarity: Any, log: Any, rows: np.ndarray) -> Pairs:
    """Return the pairs of a similarity in some rows, all of which count."""
    pairs: Pairs = similarity.pairs(log, rows, np.ones(len(rows), dtype=bool))
    return pairs


def counts_of(similarity: Any, log: Any, rows: np.ndarray) -> Counts:
    """Count all pairs of a similarity in some rows at once."""
    return counted(pairs_of(similarity, log, rows), log.n_items)


def targets_of(given: Any) -> List[Any]:
    """Make the targets that the key ``targets`` says."""
    return [choice.make(name) for name, choice in TARGETS.choose(given, "targets").items()]


def target_losses(
    outputs: torch.Tensor, labels: torch.Tensor, targets: Sequence[Any]
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Return what outputs (B, M) lose by labels (B, M): the weighted parts, the means; (M,)."""
    return averaged(row_losses(outputs, labels, targets), labels, targets)
