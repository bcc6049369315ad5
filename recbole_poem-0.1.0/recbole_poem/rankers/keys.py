"""The flat keys of the multi-task ranker."""

from dataclasses import dataclass

from recbole_poem.core.settings import FLAG, TEXT, Range, at_least, one_of, setting

_GAUC = Range(lambda v: str(v).lower() == "gauc", "GAUC, what its evaluation returns")


@dataclass(frozen=True)
class RankerKeys:
    """Their defaults, ranges and meanings; RecBole's names where RecBole has them."""

    preset: str = setting("best", TEXT, "best, or a file of properties/preset/, such as ektm")
    MAX_ITEM_LIST_LENGTH: int = setting(
        20, at_least(0), "H, the user's latest items that are read; 0 = none"
    )
    id_features: bool = setting(
        True, FLAG, "whether users and items are known by their ids, beside columns that they have"
    )
    embedding_size: int = setting(16, at_least(1), "size of the embedding of a column")
    hidden_size: int = setting(32, at_least(1), "d, size of the states of user, item and interest")
    pooling: str = setting(
        "attention",
        one_of("attention", "mean", "actions"),
        "how the latest items become the interest; actions: by what the user did with them",
    )
    unexposed_negatives: int = setting(
        0, at_least(0), "items beside each exposure that were not shown; above 0: of showing it"
    )
    valid_metric: str = setting("GAUC", _GAUC, "what early stopping watches")
