"""What a service is told of a user of a world: the history, as a query."""

from typing import Any

from recbole_poem.serving.query import Query
from recbole_poem.world.dataset import BEGIN, item_tokens
from recbole_poem.world.history import NONE
from recbole_poem.world.retrieval import Asked


class Queries:
    """Puts requests of a world into the words of a service.

    Parameters
    ----------
    n_items : int
        Videos of the world.
    config : Config
        Of the model that is asked.

    Attributes
    ----------
    tokens : (I,) object
        Of each video.
    """

    def __init__(self, n_items: int, config: Any) -> None:
        self.tokens = item_tokens(n_items)
        # a model that learnt from long views alone has no other rows in its histories
        self._long_views_alone = "long_view" in (config["val_interval"] or {})

    def of(self, asked: Asked, row: int) -> Query:
        """Return the history of the user of a row, and when is asked."""
        item, time = asked.history.item[row], asked.history.time[row]
        there = (item != NONE) & (asked.history.long_view[row] | (not self._long_views_alone))
        return Query(
            self.tokens[item[there]].tolist(),
            times=(BEGIN + time[there]).tolist(),
            time=float(BEGIN + asked.time[row]),
        )
