r"""Lists that are filled slot by slot, by a model that sees the items above (MultiSlot ReRanker).

MultiSlot ReRanker (arXiv 2401.06293) fills each slot with the candidate that a model scores best
given the items above, in time linear in the candidates. Its equations are not public. Our reading
is the greedy list of

    score * s(i) + max_similarity * max_j sim(i, j) + mean_similarity * mean_j sim(i, j)
      + same_category * |{j : i and j share a category}| / |{j}| + freshness * fresh(i),

j over the items above. A test checks the linear time, and that the list does not depend on the
order of the candidates. With ``max_similarity`` below 0 alone it is maximal marginal relevance
(Carbonell and Goldstein, SIGIR 1998).

A weight that is ~ is learned from the training rows, see `logged_lists`: users choose among
candidates by the features above, by how like a candidate is to what they had before the list, and
by popularity. The last two stand for the score, which the lists of a log do not have, and are
dropped. As all candidates of a slot share it, neither the slot nor what it does to a ranker's lists
can pass for a preference; nor can it change the best of a slot. A learned weight is in the unit of
a log probability, as the score of a softmax is.

What stands above in a log was taken, and what stands above in a list may have been passed over.
Where users stay with what they have just taken, weights are learned that make lists more alike.
"""

from dataclasses import dataclass
from functools import cached_property
from logging import getLogger
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import torch
import torch.nn.functional as F
from recbole.data.dataset import Dataset

from recbole_poem.core.errors import InputError
from recbole_poem.core.settings import ABOVE_0, NUMBER, at_least, one_of, or_nothing, setting
from recbole_poem.core.stages import RERANKERS
from recbole_poem.core.times import PER_SECOND
from recbole_poem.data.categories import read_categories
from recbole_poem.data.request_log import RequestLogMixin
from recbole_poem.log.feedback import positive_rows
from recbole_poem.rerankers import Context, Placed
from recbole_poem.rerankers.choices import choice_weights
from recbole_poem.rerankers.logged_lists import Lessons, freshness, lessons_of
from recbole_poem.rerankers.slots import Above, filled

_CELLS = 2**22  # numbers of candidates that are held at once: 16 MiB
_LEARNED = or_nothing(NUMBER, "to learn it")
_FEATURES = ("max_similarity", "mean_similarity", "same_category", "freshness")


@RERANKERS.register("multislot")
class MultiSlot:
    """Fills the list slot by slot, by what candidates are beside the items above them.

    Parameters
    ----------
    settings : Settings
    config : Config
        Whose ``seed`` draws the rows that weights are learned from, and whose ``positive_feedback``
        says which rows were taken.
    dataset : Dataset
        Whose items have the categories of the key ``category_field``, where any are read, and whose
        log teaches weights and ages.

    Raises
    ------
    InputError
        If there are no categories or no log to go by, or a weight of embeddings is to be learned.
    """

    @dataclass(frozen=True)
    class Settings:
        """The weights, what they weigh, and how those that are ~ are learned."""

        score: float = setting(1.0, ABOVE_0, "weight of the model's score")
        max_similarity: Optional[float] = setting(
            -0.3, _LEARNED, "weight of the likeness to the likest item above"
        )
        mean_similarity: Optional[float] = setting(
            0.0, _LEARNED, "weight of the mean likeness to the items above"
        )
        same_category: Optional[float] = setting(
            0.0, _LEARNED, "weight of the share of the items above that share a category"
        )
        freshness: Optional[float] = setting(
            0.0, _LEARNED, "weight of when an item came: 0 = with the first training row, 1 = last"
        )
        similarity: str = setting(
            "categories", one_of("categories", "embeddings"), "whose cosine is the likeness"
        )
        length: int = setting(10, at_least(1), "places that are filled so")
        pool: int = setting(50, at_least(1), "items with the highest scores that change places")
        session_minutes: float = setting(
            30.0, ABOVE_0, "rows with less between them belong to one list of the log"
        )
        n_rows: int = setting(20_000, at_least(1), "training rows at most that weights learn from")
        n_others: int = setting(20, at_least(1), "candidates of each that were not taken")
        shrinkage: float = setting(1.0, ABOVE_0, "of half the square of a learned weight")

    def __init__(self, settings: Settings, config: Any, dataset: Dataset) -> None:
        self._settings, self.pool = settings, settings.pool
        self.reads_states = settings.similarity == "embeddings"
        self._given: Dict[str, Optional[float]] = {
            name: getattr(settings, name) for name in _FEATURES
        }
        self._check_learned(config, dataset)
        # its log is there when the data are split, and this is made before as well
        self._dataset, self._seed = dataset, int(config["seed"])
        self._condition = config["positive_feedback"]
        self._session = settings.session_minutes * 60 * PER_SECOND[config["time_unit"]]
        self._category: Optional[torch.Tensor] = None
        if not self.reads_states or self._given["same_category"] != 0:
            self._category = self._read_categories(config, dataset)

    def _check_learned(self, config: Any, dataset: Dataset) -> None:
        for name, weight in self._given.items():
            where = f"rerankers.multislot.{name}"
            if weight is None and self.reads_states:
                raise InputError(
                    f"{where}: weights are learned before there are embeddings; give a number, or "
                    "similarity: categories"
                )
            of_log = weight is None or (name == "freshness" and weight != 0)
            if of_log and not isinstance(dataset, RequestLogMixin):
                way = "0" if name == "freshness" else "a number"
                raise InputError(
                    f"{where}: {config['model']} keeps no log of rows to learn from; give {way}"
                )

    def _read_categories(self, config: Any, dataset: Dataset) -> torch.Tensor:
        category = read_categories(config, dataset)
        if category is None:
            raise InputError(
                "rerankers.multislot: the items have no categories; name their column of .item as "
                "category_field, or give similarity: embeddings and same_category: 0"
            )
        return torch.from_numpy(category).to(config["device"], torch.float32)

    @cached_property
    def _weights(self) -> List[float]:
        """The weights of the features, in their order."""
        learned = {name: 0.0 for name, weight in self._given.items() if weight is None}
        if learned:
            learned = self._learned()
        return [learned[name] if weight is None else weight for name, weight in self._given.items()]

    @cached_property
    def _fresh(self) -> torch.Tensor:
        """How new each item is, (n_items,)."""
        if self._given["freshness"] == 0:
            return torch.zeros(self._dataset.item_num)
        return torch.from_numpy(freshness(self._dataset.log)).float()

    def rerank(self, context: Context, item: torch.Tensor, score: torch.Tensor) -> Placed:
        """Place the items; the scores are handed out anew, in the order of the list."""
        length = min(self._settings.length, item.shape[1])
        # of candidates that are worth the same the one with the smallest number is the best
        by_id, column = item.sort(dim=1)
        alone = self._settings.score * score.gather(1, column)
        if self._weights[3] != 0:
            alone = alone + self._weights[3] * self._fresh.to(item.device)[by_id]
        step = max(1, _CELLS // (item.shape[1] * self._table(context).shape[1]))
        lists = [
            filled(*self._compared(context, items), worth, self._weights[:3], length)
            for items, worth in zip(by_id.split(step), alone.split(step))
        ]
        chosen = column.gather(1, torch.cat(lists)) if lists else column[:, :length]
        return Placed(_with_the_rest(chosen, item.shape[1]), score)

    def _table(self, context: Context) -> torch.Tensor:
        """Return what all items are compared by, (n_items, d)."""
        table = context.embedding if self.reads_states else self._category
        assert table is not None
        return table

    def _compared(
        self, context: Context, item: torch.Tensor
    ) -> Tuple[torch.Tensor, Optional[torch.Tensor]]:
        """Return the vectors of items (..., d), and their categories where those are weighed."""
        vector = F.normalize(self._table(context).to(item.device)[item], dim=-1)
        if self._given["same_category"] == 0 or self._category is None:
            return vector, None
        return vector, self._category.to(item.device)[item]

    def _learned(self) -> Dict[str, float]:
        """Return the weights that are not given."""
        settings, log = self._settings, self._dataset.log
        lessons = lessons_of(
            log, positive_rows(log, self._condition, "positive_feedback"), settings.length,
            self._session, settings.n_rows, settings.n_others, self._seed,
        )  # fmt: skip
        if len(lessons.slot) == 0:
            getLogger().warning(
                "rerankers.multislot: no training row stands on a second list of its user, so all "
                "weights that are to be learned are 0"
            )
        features, liked = self._features(lessons)
        given = np.array([weight or 0.0 for weight in self._given.values()])
        to_learn = [place for place, weight in enumerate(self._given.values()) if weight is None]
        known = features @ given
        columns = np.concatenate([features[..., to_learn], liked[..., None]], axis=2)
        found = choice_weights(columns, known, lessons.candidate, settings.shrinkage)
        weights = {_FEATURES[place]: float(w) for place, w in zip(to_learn, found)}
        words = ", ".join(f"{name} {weight:.3g}" for name, weight in weights.items())
        getLogger().info(
            f"rerankers.multislot: {len(lessons.slot):,} training rows teach the weights {words}"
        )
        return weights

    def _features(self, lessons: Lessons) -> Tuple[np.ndarray, np.ndarray]:
        """Return the features (T, N, 4), and the likeness to what the user had before (T, N)."""
        of_slot = torch.zeros(*lessons.item.shape, 4)
        item, above = torch.from_numpy(lessons.item), torch.from_numpy(lessons.above)
        for slot in range(self._settings.length):
            rows = torch.from_numpy(np.flatnonzero(lessons.slot == slot))
            seen = Above(*self._compared(Context(), item[rows]))
            for place in range(slot):
                seen.place(*self._compared(Context(), above[rows, place]))
            of_slot[rows, :, :3] = torch.stack(seen.features(), dim=2)
        of_slot[..., 3] = self._fresh[item]
        number = np.maximum(1, lessons.earlier.sum(axis=1))
        vector = self._compared(Context(), torch.arange(self._dataset.item_num))[0].numpy()
        mean = np.asarray((lessons.earlier @ vector) / number)
        liked = np.einsum("tnd,td->tn", vector[lessons.item], mean)
        return of_slot.numpy(), liked


def _with_the_rest(chosen: torch.Tensor, size: int) -> torch.Tensor:
    """Return the order of all columns: the chosen ones (B, m), then the others as they were."""
    place = torch.arange(size, 2 * size, device=chosen.device).repeat(len(chosen), 1)
    of_list = torch.arange(chosen.shape[1], device=chosen.device).expand_as(chosen)
    return place.scatter(1, chosen, of_list).argsort(dim=1)
