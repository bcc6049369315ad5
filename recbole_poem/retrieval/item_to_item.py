"""Multi-objective item-to-item ranking, cross-fitted: the core of the embedded ranking sources.

For objective m the score of candidate c at request r is

    s_m(r, c) = sum over the user's last h rows j of  decay^age(j) * y_m(j) * sim_m(j, c)

with y_m(j) = 1 where row j meets the objective's feedback and 0 elsewhere. Each similarity is
estimated from the training rows that meet the same feedback. The users are cut into F folds, and
the requests of a fold are scored with similarities estimated without its users: a ranker that had
seen the rows it now ranks would hand the model the answer.

Items that the user has consumed before the request are no candidates.
"""

import json
from dataclasses import replace
from logging import getLogger
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
from scipy import sparse
from tqdm import tqdm

from recbole_poem.core.memory import free_memory
from recbole_poem.core.plurals import counted
from recbole_poem.core.stage import Choice, written
from recbole_poem.core.stages import OBJECTIVES
from recbole_poem.core.workers import Map
from recbole_poem.fusion.scores import CandidateOrder
from recbole_poem.log.feedback import positive_rows
from recbole_poem.log.requests import RequestLog
from recbole_poem.retrieval.caps import Caps
from recbole_poem.retrieval.estimation import Question
from recbole_poem.retrieval.item_scores import ItemScores
from recbole_poem.retrieval.similarities import USE
from recbole_poem.retrieval.tiles import Plan, check_room, warn_of_many


class ItemToItemRanker:
    """Ranks the catalogue for any request of a log; see the module for the equation.

    Parameters
    ----------
    log : RequestLog
        Similarities are estimated from its training rows.
    objectives : mapping of names to Choice
        M similarities with their settings, of the stage ``objectives``.
    n_candidates : int
        N, the candidates kept per request.
    n_folds : int
        F, at least 2.
    top_k : int
        Similar items kept per item and objective.
    fusion : CandidateOrder
        Of the M objectives; the candidates are chosen by its gains.
    seed : int
        Decides which user falls into which fold, and what the caps keep.
    max_items_per_user, max_users_per_item : int, optional
        What is counted at most; see `recbole_poem.retrieval.caps`.
    """

    has_stages = False
    found_seconds = 0.0  # it estimates anew each time

    def __init__(
        self,
        log: RequestLog,
        objectives: Mapping[str, Choice],
        n_candidates: int,
        n_folds: int,
        top_k: int,
        fusion: CandidateOrder,
        seed: int,
        max_items_per_user: Optional[int] = None,
        max_users_per_item: Optional[int] = None,
    ) -> None:
        self.objectives = list(objectives)
        self._log = replace(log, values={}, tokens={})  # the workers need no more of it
        self._choices = dict(objectives)
        n_found = min(n_candidates, log.n_items - 1)
        self._gains = fusion.gains(n_found)
        self._settings = {
            # a list, as the order of the objectives is that of the scores
            "objectives": list(written(OBJECTIVES, objectives).items()),
            "n_candidates": n_candidates,
            "n_folds": n_folds,
            "top_k": top_k,
            "score_fusion": fusion.fingerprint(),
            "seed": seed,
            "max_items_per_user": max_items_per_user,
            "max_users_per_item": max_users_per_item,
        }
        self._caps = Caps(max_items_per_user, max_users_per_item, n_folds, seed)
        if log.watch_time is not None:
            self._settings["watch_time"] = vars(log.watch_time)
        self._fold = np.random.default_rng(seed).permutation(log.n_users) % n_folds
        self._positive = [
            positive_rows(log, choice.settings.feedback, f"objectives.{name}.feedback")
            for name, choice in objectives.items()
        ]
        for (name, choice), rows in zip(objectives.items(), self._positive):
            if not rows.any():
                getLogger().warning(
                    f"objectives.{name}.feedback: no row meets {choice.settings.feedback}, so it "
                    f"says nothing; mend it, or write objectives.{name}: none"
                )
        self._n_folds, self._top_k = n_folds, top_k
        self._estimated: Optional[ItemScores] = None

    def depends_on(self) -> Dict[str, Any]:
        """Return every setting that the ranking depends on."""
        return self._settings

    def numbers(self) -> np.ndarray:
        """Return the rows themselves, (R,): every row of the log has a ranking of its own."""
        return np.arange(len(self._log))

    def rank(self, rankings: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Rank the catalogue for rows (B,): items (B, N), 0 = none; scores (B, N, M)."""
        if self._estimated is None:
            self._estimated = self.estimate(map)
        return self._estimated.rank(rankings)

    def estimate(self, parallel_map: Map, show_progress: bool = False) -> ItemScores:
        """Estimate the similarities of every objective, one per fold, and return who ranks.

        Objectives that ask the same of the same rows share them.
        """
        plain = written(OBJECTIVES, self._choices)
        what = [
            json.dumps({name: value for name, value in each.items() if name not in USE})
            for each in plain.values()
        ]
        first_of = {question: what.index(question) for question in what}
        asked = [self._question(m) for m in first_of.values()]
        plans = [question.plan() for question in asked]
        names = [self.objectives[m] for m in first_of.values()]
        check_room(plans, names, self._n_folds, self._top_k, free_memory())
        warn_of_many(plans, names)
        n_tiles = sum(len(each.tiles) for each in plans)
        getLogger().info(
            f"request cache: estimating {len(first_of)} similarities without each of "
            f"{self._n_folds} folds of users: {sum(each.n_pairs for each in plans):,} pairs of "
            f"rows, in {counted(n_tiles, 'tile')}"
        )
        with tqdm(
            total=n_tiles, desc="similarities", leave=False, disable=not show_progress
        ) as bar:
            similarities = self._stacked(asked, plans, parallel_map, bar)
        return ItemScores(
            log=self._log,
            fold=self._fold,
            weight=_row_weights([choice.settings for choice in self._choices.values()]),
            positive=np.stack(self._positive),
            similarities=similarities,
            which=np.array([list(first_of).index(question) for question in what]),
            gains=self._gains,
        )

    def _question(self, m: int) -> Question:
        """Return the similarity of objective m, which is to be estimated."""
        similarity = self._choices[self.objectives[m]].make()
        return Question(
            similarity, self._log, self._positive[m], self._fold, self._n_folds, self._caps
        )

    def _stacked(
        self, asked: Sequence[Question], plans: Sequence[Plan], parallel_map: Map, bar: tqdm
    ) -> List[sparse.csr_matrix]:
        """Estimate all similarities; return them one below the other, without each fold."""
        pieces: List[List[sparse.csr_matrix]] = [[] for _ in range(self._n_folds)]
        for question, of in zip(asked, plans):
            for tile in question.answers(of.tiles, self._top_k, parallel_map):
                for of_fold, piece in zip(pieces, tile):
                    of_fold.append(piece)
                bar.update()
        # one fold after the other, so that no more than one stands in memory twice
        return [sparse.vstack(pieces.pop(0), format="csr") for _ in range(self._n_folds)]


def _row_weights(settings: Sequence[Any]) -> np.ndarray:
    """Return decay^age of the last rows where each objective looks, (M, h), and 0 elsewhere."""
    age = np.arange(max(each.history for each in settings))
    rows = [np.where(age < each.history, float(each.decay) ** age, 0) for each in settings]
    return np.array(rows, dtype=np.float32)
