"""The flat keys of the multi-task ranker."""

from dataclasses import dataclass
from typing import Any

from recbole_poem.core.settings import ANY, PROBABILITY, Range, at_least, one_of, setting

SIZES = Range(
    lambda v: isinstance(v, list) and all(map(at_least(1).holds, v)),
    "a list of whole numbers from 1",
)
_GAUC = Range(lambda v: str(v).lower() == "gauc", "GAUC, what its evaluation returns")


@dataclass(frozen=True)
class RankerKeys:
    """Their defaults, ranges and meanings; RecBole's names where RecBole has them."""

    MAX_ITEM_LIST_LENGTH: int = setting(20, at_least(1), "H, the user's latest items that are read")
    embedding_size: int = setting(16, at_least(1), "size of the embedding of a column")
    hidden_size: int = setting(32, at_least(1), "d, size of the states of user, item and interest")
    pooling: str = setting(
        "attention", one_of("attention", "mean"), "how the latest items become the interest"
    )
    n_experts: int = setting(4, at_least(1), "experts; 1 = shared bottom")
    expert_sizes: Any = setting([64, 32], SIZES, "widths of an expert's layers")
    tower_sizes: Any = setting([32], SIZES, "widths of a tower's hidden layers")
    dropout_prob: float = setting(0.1, PROBABILITY, "dropout behind hidden layers")
    tasks: Any = setting(None, ANY, "what is predicted")
    unexposed_negatives: int = setting(
        0, at_least(0), "items beside each exposure that were not shown; above 0: of showing it"
    )
    valid_metric: str = setting("GAUC", _GAUC, "what early stopping watches")
