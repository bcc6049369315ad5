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
from functools import partial, reduce
from logging import getLogger
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, TypeVar

import numpy as np
from scipy import sparse
from tqdm import tqdm

from recbole_poem.core.stage import Choice, written
from recbole_poem.core.stages import OBJECTIVES
from recbole_poem.core.workers import Map
from recbole_poem.fusion.scores import CandidateOrder
from recbole_poem.log.feedback import positive_rows
from recbole_poem.log.requests import RequestLog
from recbole_poem.retrieval.counts import Counts
from recbole_poem.retrieval.item_scores import ItemScores
from recbole_poem.retrieval.similarities import USE, Similarity

Result = TypeVar("Result")


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
        Decides which user falls into which fold.
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
    ) -> None:
        self.objectives = list(objectives)
        self._log = replace(log, values={})  # the workers need no more of it
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
        }
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
        getLogger().info(
            f"request cache: estimating {len(first_of)} similarities without each of "
            f"{self._n_folds} folds of users"
        )
        with tqdm(
            total=2 * self._n_folds * len(first_of),
            desc="similarities",
            leave=False,
            disable=not show_progress,
        ) as bar:
            found = [self._similarities(m, parallel_map, bar) for m in first_of.values()]
        return ItemScores(
            log=self._log,
            fold=self._fold,
            weight=_row_weights([choice.settings for choice in self._choices.values()]),
            positive=np.stack(self._positive),
            similarities=[sparse.vstack(of_fold, format="csr") for of_fold in zip(*found)],
            which=np.array([list(first_of).index(question) for question in what]),
            gains=self._gains,
        )

    def _similarities(self, m: int, parallel_map: Map, bar: tqdm) -> List[sparse.csr_matrix]:
        """Estimate the similarities of objective m without the users of each fold in turn."""
        similarity: Similarity = self._choices[self.objectives[m]].make()
        rows = np.flatnonzero(self._log.training & self._positive[m])
        fold = self._fold[self._log.user[rows]]
        count = partial(_count, similarity, self._log, rows, fold)
        parts = _with_bar(bar, parallel_map(count, range(self._n_folds)))
        everyone = reduce(Counts.plus, parts)
        of_others = partial(_weigh_others, everyone, similarity, self._top_k)
        return _with_bar(bar, parallel_map(of_others, parts))


def _row_weights(settings: Sequence[Any]) -> np.ndarray:
    """Return decay^age of the last rows where each objective looks, (M, h), and 0 elsewhere."""
    age = np.arange(max(each.history for each in settings))
    rows = [np.where(age < each.history, float(each.decay) ** age, 0) for each in settings]
    return np.array(rows, dtype=np.float32)


def _count(
    similarity: Similarity, log: RequestLog, rows: np.ndarray, fold: np.ndarray, f: int
) -> Counts:
    """Count the pairs of the users of fold f."""
    return similarity.count(log, rows[fold == f])


def _weigh_others(
    everyone: Counts, similarity: Similarity, top_k: int, part: Counts
) -> sparse.csr_matrix:
    """Return the similarities that everyone but a part of the users gives."""
    return similarity.weigh(everyone.without(part), top_k)


def _with_bar(bar: tqdm, results: Iterable[Result]) -> List[Result]:
    """List the results, with a step of the bar for each."""
    listed = []
    for result in results:
        listed.append(result)
        bar.update()
    return listed
