"""A log played as live traffic through the code that a service runs.

At each row, in the order of time: the ranking of the user's previous request is read from the
store, the recommender answers, and then the ranking stage's new ranking is written back, less what
the user has consumed. So a replay measures what no evaluation does (how long a request takes, how
much of an answer the ranking stage keeps on top) and repeats what an evaluation says: of the same
rows, hit rate and NDCG are the same.

Rows that were consumed from one ranking are one request, whose ranking is written after the last of
them, and every row is judged with all that its user did before it, as in the evaluation.

A re-ranker that learns from what came of its lists is told of each asked row at once, as in a
service; an evaluation tells it at the end of a slot.
"""

from time import perf_counter
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
import pandas as pd
from recbole.model.abstract_recommender import SequentialRecommender
from tqdm import tqdm

from recbole_poem.core.errors import InputError
from recbole_poem.serving.loading import Loaded
from recbole_poem.serving.query import Outcome, Query
from recbole_poem.serving.ranking import Ranking
from recbole_poem.serving.recommender import Recommender
from recbole_poem.serving.replay.rankings import LoggedRankings
from recbole_poem.serving.replay.traffic import Traffic
from recbole_poem.serving.stores.store import RequestStore
from recbole_poem.training import checkpoint
from recbole_poem.training.experiment import Experiment
from recbole_poem.training.quick_start import load

_NO_RANKING = Ranking((), (), np.empty((0, 0), np.float32))


def open_experiment(path: str, config_dict: Optional[Dict[str, Any]] = None) -> Experiment:
    """Load a checkpoint with its log and request cache, to be replayed.

    Controls that tamper with rankings are left off, and the item graph, which training alone reads,
    is not built. A replay reads other rankings than a training, so all of them are made, whatever
    ``ranking_source.only_read`` was.

    Parameters
    ----------
    path : str
    config_dict : dict, optional
        Keys to change, such as ``data_path``, ``topk`` or ``mask_seen``.

    Raises
    ------
    InputError
        If the checkpoint cannot be loaded, its model is not sequential, or it reads other rankings
        than that of the previous request.
    """
    if checkpoint.read(path)["keys"].get("model") == "Upstream":
        raise InputError(f"{path}: Upstream is the ranking stage itself, it reads no history")
    given = {
        "hide_target": False,
        "shuffle_rankings": False,
        "losses.margin": "none",
        "ranking_source.only_read": False,
    }
    experiment = load(path, {**given, **(config_dict or {})})
    if not isinstance(experiment.model, SequentialRecommender):
        raise InputError(
            f"{path}: {experiment.config.model} is not sequential, it knows its users by number"
        )
    lag = experiment.config["request_lag"]
    if getattr(experiment.model, "ranking_side", None) is not None and lag != 1:
        raise InputError(
            f"{path}: request_lag is {lag}, and a store holds the ranking of the previous request; "
            "--request_lag=1 replays the checkpoint with it all the same"
        )
    several = experiment.config["n_rankings"]
    if getattr(experiment.model, "ranking_side", None) is not None and several > 1:
        raise InputError(
            f"{path}: n_rankings is {several}, and a replay keeps the last ranking of a user "
            "alone; train with n_rankings: 1 to replay a checkpoint"
        )
    return experiment


def play(experiment: Experiment, traffic: Traffic, store: RequestStore) -> pd.DataFrame:
    """Play traffic, and judge every answer by the item that the user took.

    Seen items may be recommended unless the key ``mask_seen`` says otherwise, as in the evaluation;
    which then spares a target that the user has seen, and a replay cannot know of it.

    Parameters
    ----------
    experiment : Experiment
        From `open_experiment`.
    traffic : Traffic
    store : RequestStore
        Is given what it would hold when the traffic begins.

    Returns
    -------
    DataFrame
        A row for each row that is asked, in the order of time: ``row`` (request id), ``time``,
        ``rank`` of the target (from 1; 0 = not in the list), ``cache_hit`` (whether the store had
        candidates), ``milliseconds`` (reading the store and answering) and, for every cut-off k of
        the key ``topk``, ``pass_through@k`` (share of the best k that are among the best k of the
        new ranking, in the order of the ranking stage; NaN where there is none) and, for each
        objective of the ranking, ``overlap@k:objective`` (share of its best k there that are
        among the best k of the answer).
    """
    player = _Player(experiment, store)
    player.warm(traffic.rows)
    found: List[Dict[str, float]] = []
    with tqdm(
        total=len(traffic.rows),
        desc="Replay",
        disable=None if experiment.config["show_progress"] else True,  # None: silent in a pipe
    ) as bar:
        for row, asked in zip(traffic.rows.tolist(), traffic.asked.tolist()):
            found.extend(player.play(row, asked))
            bar.update()
    return pd.DataFrame(found)


class _Player:
    """Plays single rows; the state is the store's."""

    def __init__(self, experiment: Experiment, store: RequestStore) -> None:
        config, dataset = experiment.config, experiment.train_data._dataset
        self._log, self._store = dataset.log, store
        loaded = Loaded(config, experiment.model.eval(), dataset, name=str(config.model))
        self._recommender = Recommender(loaded)
        self._items, self._users = (
            np.array([str(token) for token in dataset.field2id_token[field]], dtype=object)
            for field in (dataset.iid_field, dataset.uid_field)
        )
        cache = getattr(dataset, "cache", None)
        self._rankings = None if cache is None else LoggedRankings(cache, self._log, self._items)
        self._cut_offs = sorted(config["topk"])
        self._filter_seen = bool(config["mask_seen"])

    def warm(self, rows: np.ndarray) -> None:
        """Write what the store holds of the users of rows (P,), in time order, before these."""
        if self._rankings is None:
            return
        _, first = np.unique(self._log.user[rows], return_index=True)
        for row in rows[first].tolist():
            ranking = self._rankings.before(row)
            if ranking is not None:
                self._store.write(self._user(row), ranking)

    def play(self, row: int, asked: bool) -> List[Dict[str, float]]:
        """Play one row; return what was found, if it is asked."""
        begin = perf_counter()
        ranking = self._store.read(self._user(row))
        reading = perf_counter() - begin
        query = self._query(row, ranking) if asked else None
        found = [] if query is None else [self._ask(row, query, reading)]
        self._write_back(row, ranking)
        if query is not None and self._recommender.observes:
            taken = [self._items[self._log.item[row]]]
            self._recommender.observe([query], [Outcome(taken)])
        return found

    def _query(self, row: int, ranking: Optional[Ranking]) -> Query:
        before = slice(self._log.first[row], row)
        return Query(
            self._items[self._log.item[before]].tolist(),
            ranking,
            k=self._cut_offs[-1],
            filter_seen=self._filter_seen,
            draw=row,
            times=self._log.time[before].tolist(),
            time=float(self._log.time[row]),
        )

    def _ask(self, row: int, query: Query, reading: float) -> Dict[str, float]:
        begin = perf_counter()
        answer = self._recommender.answer([query])[0].items
        seconds = reading + perf_counter() - begin
        target = self._items[self._log.item[row]]
        new = self._rankings.at(row) if self._rankings is not None else _NO_RANKING
        return {
            "row": row,
            "time": self._log.time[row],
            "rank": answer.index(target) + 1 if target in answer else 0,
            "cache_hit": query.ranking is not None and len(query.ranking.items) > 0,
            "milliseconds": 1000 * seconds,
            **{f"pass_through@{k}": _kept(answer[:k], new.items[:k]) for k in self._cut_offs},
            **{
                f"overlap@{k}:{name}": _kept(best[:k], answer[:k])
                for name, best in _by_objective(new).items()
                for k in self._cut_offs
            },
        }

    def _write_back(self, row: int, ranking: Optional[Ranking]) -> None:
        """Write what the next row of the user will read."""
        if self._rankings is not None and self._rankings.is_complete(row):
            ranking = self._rankings.at(row)
        if ranking is not None:
            self._store.write(self._user(row), ranking.without([self._items[self._log.item[row]]]))

    def _user(self, row: int) -> str:
        return str(self._users[self._log.user[row]])


def _by_objective(ranking: Ranking) -> Dict[str, List[str]]:
    """Return the items of a ranking by each objective alone, best first; the first of equal ones.

    A ranking without items names no objective.
    """
    if not ranking.items:
        return {}
    order = np.argsort(-np.asarray(ranking.scores), axis=0, kind="stable")
    return {
        name: [ranking.items[place] for place in places]
        for name, places in zip(ranking.objectives, order.T)
    }


def _kept(answer: Sequence[str], best: Sequence[str]) -> float:
    """Return the share of an answer that is among the best; NaN where one of them is empty."""
    return len(set(answer) & set(best)) / len(answer) if answer and best else float("nan")
