"""What a conversion of RecFlow found in the files, and how it read it, in words."""

from dataclasses import dataclass, field
from typing import Dict, List

import numpy as np

from recbole_poem.data.convert.recflow.places import Negatives, Position
from recbole_poem.fusion.cascade_stages import STAGES

_KINDS = ("rank", "rerank")


@dataclass
class Found:
    """Numbers of rows, requests and rankings.

    Attributes
    ----------
    read, of_others, without_flag, dropped, shown_alone : int
        Rows: all; of users who are left out; without a flag; with a flag of what an earlier stage
        dropped and no other; and shown, without a flag of the rank or re-rank stage.
    twice : dict
        Rows that repeat a video of their request: candidates, exposures.
    contrary : int
        Candidates with the flags of both the top and the rest of one stage.
    requests, rankings, moved, torn : int
        Requests with an exposure; with a ranking; whose time was moved apart; of which the rows of
        one user have several times.
    stages : (S,) int64
        Candidates by stage, in the order of `STAGES`.
    smallest : dict of dict
        Stage -> smallest position among its ten best -> rankings; 2 is more than 1, -1 is
        that one is missing.
    negatives : dict of Negatives
        By stage.
    long_views, whole_views : int
        Long views with a duration above 0, and those of them that lasted as long as it.
    """

    read: int = 0
    of_others: int = 0
    without_flag: int = 0
    dropped: int = 0
    shown_alone: int = 0
    twice: Dict[str, int] = field(default_factory=lambda: {"candidates": 0, "exposures": 0})
    contrary: int = 0
    requests: int = 0
    rankings: int = 0
    moved: int = 0
    torn: int = 0
    stages: np.ndarray = field(default_factory=lambda: np.zeros(len(STAGES), np.int64))
    smallest: Dict[str, Dict[int, int]] = field(
        default_factory=lambda: {kind: {-1: 0, 0: 0, 1: 0, 2: 0} for kind in _KINDS}
    )
    negatives: Dict[str, Negatives] = field(
        default_factory=lambda: {kind: Negatives(0, 0, 0) for kind in _KINDS}
    )
    long_views: int = 0
    whole_views: int = 0

    def add_negatives(self, kind: str, more: Negatives) -> None:
        """Count rankings by how the positions of their negatives were found."""
        self.negatives[kind] = Negatives(*(a + b for a, b in zip(self.negatives[kind], more)))

    def sentences(self, how: Position, with_dropped: bool) -> List[str]:
        """Return what a summary says."""
        lines = [f"rows of the days: {self.read:,} read"]
        for number, words in (
            (self.of_others, "are of other users"),
            (self.without_flag, "have no flag of a stage"),
            (self.dropped, "are what an earlier stage dropped (--with_dropped takes them)"),
            (self.twice["candidates"], "repeat a candidate of their request"),
            (self.twice["exposures"], "repeat an exposure of their request"),
        ):
            if number:
                lines.append(f"  left out: {number:,} that {words}")
        n_candidates = int(self.stages.sum())
        each = f", of {n_candidates / self.rankings:.1f} candidates" if self.rankings else ""
        lines.append(
            f"requests: {self.requests:,} with an exposure, {self.rankings:,} with a ranking{each}"
        )
        counts = [f"{name} {number:,}" for name, number in zip(STAGES, self.stages) if number]
        if counts:
            lines.append(f"candidates by stage, best first: {', '.join(counts)}")
        for number, words in (
            (self.shown_alone, "rows were shown without a flag of either stage: no candidates"),
            (self.contrary, "candidates are among the best and the rest of one stage: the best"),
            (self.moved, "requests have the time of another one of their user: moved by 1 ms"),
            (self.torn, "requests have rows of several times: a request for each"),
        ):  # fmt: skip
            if number:
                lines.append(f"{number:,} {words}")
        for kind in _KINDS:
            lines += self._positions(kind, how)
        if not with_dropped:
            lines.append("coarse_neg and prerank_neg are no candidates (--with_dropped)")
        if self.long_views:
            share = self.whole_views / self.long_views
            unit = (
                "" if share > 0.5 else "; its unit is not that of duration, and play_ratio is wrong"
            )
            lines.append(
                f"playing_time: {share:.1%} of the long views last as long as their video{unit}"
            )
        return lines

    def _positions(self, kind: str, how: Position) -> List[str]:
        """Return what is said of the positions of one stage."""
        counts = {place: number for place, number in self.smallest[kind].items() if number}
        if not counts:
            return [f"{kind}_index: no {kind}_pos has one"]
        names = {-1: "missing", 0: "0", 1: "1", 2: "above 1"}
        total = sum(counts.values())
        shares = [f"{names[place]} in {number / total:.1%}" for place, number in counts.items()]
        words = f"{kind}_index: the smallest of {kind}_pos is {', '.join(shares)} of the rankings"
        words += f"; positions begin at {how.first} (--first_position)"
        if how.first == 0 and counts.get(1, 0) > counts.get(0, 0) > 0:
            words += "; most begin at 1, so 0 may mean none: try --first_position=1"
        found = self.negatives[kind]
        told = {
            "auto": "ordered where they are behind the best and differ, tied else",
            "index": "ordered by their positions, behind the best",
            "tied": "tied behind the best",
        }[how.negatives]
        return [
            words,
            f"{kind}_neg: positions behind the best in {found.ordered:,} rankings, one value in "
            f"{found.one_value:,}, among the best or none in {found.within:,}; {told} "
            "(--negatives)",
        ]
