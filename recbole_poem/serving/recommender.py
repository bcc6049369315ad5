"""A trained checkpoint that answers raw histories, of users whom training never saw.

The answers are those of the evaluation: the same windows, the same model, the same scores. What a
request brings beside its history is the ranking of the previous request, where there is one.
"""

from functools import cached_property
from logging import getLogger
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Sequence

import numpy as np
import pandas as pd

from recbole_poem.core.errors import InputError
from recbole_poem.core.times import PER_SECOND
from recbole_poem.serving.batch import BatchMaker
from recbole_poem.serving.blocks import as_table, in_blocks
from recbole_poem.serving.bounds import switch, whole_number
from recbole_poem.serving.histories import Histories, ItemTimes
from recbole_poem.serving.known_users import KnownUsers
from recbole_poem.serving.limits import Limits, known, mask, n_unknown, of_each, same_for_all
from recbole_poem.serving.loading import Loaded, open_checkpoint
from recbole_poem.serving.query import Answer, Outcome, Query, checked
from recbole_poem.serving.rankers import needs_of, rankers_of
from recbole_poem.serving.ranking import Needs
from recbole_poem.serving.ranking_batch import Given
from recbole_poem.serving.requests import RequestReader, Requests
from recbole_poem.serving.similar import SimilarItems
from recbole_poem.serving.tokens import listed
from recbole_poem.serving.unread import Unread
from recbole_poem.serving.vocabulary import Vocabulary
from recbole_poem.training import checkpoint

_CELLS = 2**26  # scores that are held at once: 256 MiB


class Recommender:
    """Recommends to raw histories, and to users of the data set; made by `load`.

    Parameters
    ----------
    loaded : Loaded
    index : Path, optional
        File of the index over the items, by which POEM's requests are then answered.

    Attributes
    ----------
    loaded : Loaded
    """

    def __init__(self, loaded: Loaded, index: Optional[Path] = None) -> None:
        self.loaded = loaded
        self.config, self.model, self._dataset, self.checkpoint, _ = loaded
        tokens = self._dataset.field2id_token[self._dataset.iid_field]
        self._vocabulary = Vocabulary(tokens)
        per_second = PER_SECOND[self.config["time_unit"]]
        self._reader = RequestReader(self._vocabulary, self.needs, per_second)
        self._batches = BatchMaker(self.config, self.model, self._dataset.trends)
        reads = {
            "rankings": bool(self.objectives),
            "times": bool(self._dataset.trends),
            "item_times": bool(self.config.component("row_features")),
        }
        self._unread = Unread(type(self.model).__name__, reads)
        self._approximate = index is not None
        example = self._reader.example()
        self._ranker, self._learns = rankers_of(loaded, self._batches, example, index)

    @classmethod
    def load(
        cls,
        path: str,
        config_dict: Optional[Dict[str, Any]] = None,
        approximate: bool = False,
    ) -> "Recommender":
        """Load a checkpoint; see `recbole_poem.serving.loading.open_checkpoint`.

        Parameters
        ----------
        path : str
            ``latest``: the youngest one of ``checkpoint_dir``; `checkpoint` then says which.
        config_dict
        approximate : bool
            Whether an index finds the items with the highest product with a state, instead of a
            look at all of them; of POEM alone, and not for requests without history or with a list
            of allowed items. It lies in ``<path>.index``, and is built where that is not so.

        Raises
        ------
        InputError
            If it cannot answer.
        """
        by_index = switch("approximate", approximate)
        path = checkpoint.located(path, config_dict or {})
        return cls(open_checkpoint(path, config_dict), _index_of(path) if by_index else None)

    def successor(self, path: str, config_dict: Optional[Dict[str, Any]] = None) -> "Recommender":
        """Load what another checkpoint says now; a data set that is still right is not read again.

        Raises
        ------
        InputError
            If it cannot answer.
        """
        loaded = open_checkpoint(path, config_dict, self.loaded)
        return type(self)(loaded, _index_of(path) if self._approximate else None)

    @property
    def n_items(self) -> int:
        """Items that can be recommended."""
        return len(self._vocabulary) - 1

    @property
    def item_tokens(self) -> np.ndarray:
        """(n_items + 1,) object, the token of each item id; the first one is padding."""
        return self._vocabulary.tokens

    @property
    def objectives(self) -> List[str]:
        """Names of the scores that the model reads in a ranking; empty if it reads none."""
        return self.needs.objectives

    @property
    def needs(self) -> Needs:
        """What the model reads in a ranking."""
        return needs_of(self.model)

    @cached_property
    def known_users(self) -> KnownUsers:
        """The users of the data set, whom `recommend` takes by name.

        Raises
        ------
        InputError
            If the data set is split beforehand into files.
        """
        return KnownUsers(self.config, self._dataset, self.needs)

    # -- recommending ---------------------------------------------------------------------------

    def recommend(
        self,
        histories: Optional[Histories] = None,
        k: int = 10,
        rankings: Optional[Sequence[Given]] = None,
        filter_seen: bool = True,
        allow: Optional[Iterable[Any]] = None,
        deny: Optional[Iterable[Any]] = None,
        draws: Optional[Sequence[int]] = None,
        times: Optional[Sequence[float]] = None,
        item_times: Optional[ItemTimes] = None,
        *,
        users: Optional[Iterable[Any]] = None,
    ) -> pd.DataFrame:
        """Recommend items to each request: to histories, or to users of the data set.

        Parameters
        ----------
        histories
            Raw item tokens, see `recbole_poem.serving.histories.flatten`. Tokens that training
            never saw are left out and counted.
        k : int
            Length of the lists; fewer where fewer items may be recommended.
        rankings : sequence of Ranking or None, optional
            What the ranking stage said at each user's previous request, in the order of the
            requests; None where nothing is known. For a model that reads several (the key
            ``n_rankings``) lists of them, the youngest first.
        filter_seen : bool
            Whether items of the given history may not be recommended.
        allow, deny : iterables of tokens, optional
            The only items that may be recommended, and items that may not: lists, not one string.
        draws : sequence of int, optional
            Keys of the random draw from the groups of a ranking, from 0, one a request. As a rule
            the history is the key, so that the same request gets the same answer.
        times : sequence of float, optional
            When each request is made, in the unit of the data set's time: what was popular then
            counts. Behind the training rows as a rule. None = not known: what was popular at their
            end counts, and no hour of the day.
        item_times : sequence of sequences of float, optional
            When the items of each history were dealt with, ascending, in the unit of the data set's
            time; None where that is not known, of a history or of an item. A model whose
            ``row_features`` are made of times reads them. A frame has them as its column ``time``.
        users : iterable of tokens, optional
            In place of `histories` and `item_times`: each user once, whose history is all rows of
            the data set that the checkpoint names, with their times. Where `rankings` is left out,
            it is what the request cache has for the user's next request; without a cache none,
            which a warning says.

        Returns
        -------
        DataFrame
            Columns request (of users their token), rank (from 1), item, score;
            ``attrs["unknown_items"]`` counts the tokens of histories, rankings, `allow` and `deny`
            that were left out. An empty history gets the candidates of its ranking, by fused score,
            and then what is popular.

            ``score`` is what a list is in order of: it descends, and compares items of one list
            alone. It is the model's logit. Where re-rankers change an order, the logits of the
            items are handed out in the new one. Without a history it is the share in the training
            rows, below 1, and of candidates 1 + the fused score, counted from the lowest one where
            that is below 0.

        Raises
        ------
        InputError
            For an argument that is not what is said here, for some that do not fit each other, and
            for a user whom the data set does not have.
        """
        k = min(whole_number("k", k), len(self._vocabulary))
        filter_seen = switch("filter_seen", filter_seen)
        allow = None if allow is None else listed("allow", allow)
        allowed = None if allow is None else mask(allow, self._vocabulary)
        deny = [] if deny is None else listed("deny", deny)
        denied = known(deny, self._vocabulary)
        if users is None:
            requests = self._reader.together(histories, rankings, draws, times, item_times)
        elif histories is None and item_times is None:
            requests = self._reader.of_users(self.known_users, users, rankings, draws, times)
        else:
            raise InputError("users: their histories are those of the data set; give no others")
        self._unread.tell(
            rankings=any(ranking is not None for ranking in rankings or ()),
            times=times is not None,
            item_times=item_times is not None,
        )

        def limits(part: Requests, where: slice) -> Limits:
            return same_for_all(part.histories, filter_seen, allowed, denied)

        lengths, size = np.full(len(requests), k), _CELLS // len(self._vocabulary)
        blocks = in_blocks(self._ranker, requests, lengths, limits, size)
        found = as_table(blocks, requests.histories.request, self._vocabulary.tokens)
        left_out = int(requests.n_unknown.sum())
        left_out += n_unknown([*(allow or ()), *deny], self._vocabulary)
        if left_out:
            told = "1 item token is" if left_out == 1 else f"{left_out} item tokens are"
            was = "was" if left_out == 1 else "were"
            getLogger().warning(f"{told} unknown to the model and {was} left out")
        found.attrs["unknown_items"] = left_out
        return found

    def answer(self, queries: Sequence[Query]) -> List[Answer]:
        """Answer queries together, each within its own limits; `recommend` for a service.

        Parameters
        ----------
        queries : sequence of Query
            Whose rankings have the objectives of the model.

        Raises
        ------
        InputError
            Naming the query, and its part that is not what `Query` says.
        """
        queries = checked(queries)
        requests = self._reader.of_queries(queries)
        self._unread.tell(
            rankings=any(each is not None for query in queries for each in query.rankings),
            item_times=any(query.times is not None for query in queries),
        )
        unknown = [
            n_unknown([*(query.allow or ()), *query.deny], self._vocabulary) + of_request
            for query, of_request in zip(queries, requests.n_unknown.tolist())
        ]
        size = _CELLS // len(self._vocabulary)
        lengths = np.array([min(query.k, len(self._vocabulary)) for query in queries], np.int64)

        def limits(part: Requests, where: slice) -> Limits:
            return of_each(queries[where], part.histories, self._vocabulary)

        n_known = requests.histories.length.tolist()
        return [
            self._answer(of_one[: lengths[row]], score[: lengths[row]], unknown[row], n_known[row])
            for rows, items, scores in in_blocks(self._ranker, requests, lengths, limits, size)
            for row, of_one, score in zip(rows, items, scores)
        ]

    @property
    def observes(self) -> bool:
        """Whether a re-ranker learns from what came of answers."""
        return self._learns is not None

    def observe(self, queries: Sequence[Query], outcomes: Sequence[Outcome]) -> None:
        """Let the re-rankers learn what came of queries; until then they know nothing.

        Not at the same time as another call. Tokens that the model does not know are left out.

        Parameters
        ----------
        queries : sequence of Query
            As they were answered.
        outcomes : sequence of Outcome
            Theirs.

        Raises
        ------
        InputError
            If no re-ranker learns, or a part of the arguments is not what is said here.
        """
        if self._learns is None:
            raise InputError(
                "rerankers: none of them learns from what came of answers; leave the outcome out"
            )
        if len(queries) != len(outcomes):
            raise InputError(f"outcomes: {len(outcomes)} for {len(queries)} queries")
        queries = checked(queries)
        taken = [listed(f"taken: query {n}", one.taken) for n, one in enumerate(outcomes)]
        shown = [listed(f"shown: query {n}", one.shown) for n, one in enumerate(outcomes)]
        requests = self._reader.of_queries(queries)
        limits = of_each(queries, requests.histories, self._vocabulary)
        ids = self._vocabulary.padded
        self._learns.observe(requests, limits, ids(taken), ids(shown))

    def _answer(self, items: np.ndarray, scores: np.ndarray, unknown: int, known: int) -> Answer:
        given = scores > -np.inf
        tokens = self._vocabulary.tokens[items[given]]
        return Answer(tokens.tolist(), scores[given].tolist(), unknown, known)

    # -- items ----------------------------------------------------------------------------------

    @cached_property
    def _similar(self) -> SimilarItems:
        return SimilarItems(self.config, self._dataset, self._vocabulary)

    def similar_items(self, item: Any, k: int = 10) -> pd.DataFrame:
        """Return the neighbours of an item in the Swing graph: item, similarity, best first.

        Raises
        ------
        InputError
            If the item is unknown, `k` is no whole number from 1, or the checkpoint is not of POEM.
        """
        return self._similar.to(item, k)


def _index_of(checkpoint: str) -> Path:
    """Return where the index of a checkpoint lies."""
    return Path(f"{checkpoint}.index")
