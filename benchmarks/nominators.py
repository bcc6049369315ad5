"""Nominators in the closed loop: naive and synchronised, before the world's own ranking stage.

Users have asked twice when the test begins, so little is known of them. Videos come and go. Both
nominators stand beside the platform's own sources and differ in one step: the synchronised one is
corrected by the ranker on what it nominated. Beliefs at first are ``narrow`` (a feature adds
little), ``wide``, or ``wrong`` (a quarter of the categories is overrated). ``random`` is the
control: as many videos beside the sources, drawn blindly, since more candidates alone help.
Differences are paired by user: 95 % percentile bootstrap. A world for each of the seeds.

``--quick``: 24 users, one world, one day.
"""

import time
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Type

import measure
import numpy as np

from recbole_poem.world.ab import Tested, run_test
from recbole_poem.world.arms import WORDS
from recbole_poem.world.cascade import Cascade, of_world
from recbole_poem.world.chance import Draw
from recbole_poem.world.comparison import CEILING, FLOOR, compare
from recbole_poem.world.nominator import Features, Nominator, NominatorSettings
from recbole_poem.world.retrieval import Asked, Beside
from recbole_poem.world.settings import world_settings
from recbole_poem.world.synchronised import SynchronisedNominator
from recbole_poem.world.world import World

DIALS = {
    "catalogue.items": 6000,
    "catalogue.turnover": 0.1,
    "sources.candidates": 800,
    "retrieval": "own",
}
REQUESTS_BEFORE = 2
BELIEFS = {"narrow": (0.15, 0.0), "wide": (0.5, 0.0), "wrong": (0.15, 0.5)}
KINDS: Dict[str, Type[Nominator]] = {"naive": Nominator, "synchronised": SynchronisedNominator}
#: columns of the table, by the beginnings of the lines of a test
LINES = {
    "watch time, s per user and day": "seconds",
    "long views per user and day": "long views",
    "new videos, share of exposures": "new videos",
    "pass-through, share of exposures": "exposures nominated",
    "sent of the list of everything": "sent of the best list",
    "cascade regret, fused": "cascade regret",
}
RANDOM = "random"
UNAPPEALING = "less appealing half, share of exposures"


@dataclass(frozen=True)
class Explorer:
    """A nominator beside the platform's own sources, before the world's own ranking stage."""

    of: Type[Nominator]
    spread: float
    overrated: float

    def __call__(self, world: World) -> Cascade:
        """Make the arm."""
        settings = NominatorSettings(spread=self.spread)
        believed = np.zeros(Features(world.catalogue, settings.new_days).n)
        believed[1 : 1 + world.settings.catalogue.categories // 4] = self.overrated
        nominator = self.of(world, settings, believed)
        return Cascade(Beside(nominator, world.sources()), of_world(world))


class AtRandom:
    """Sends as many videos as a nominator, whichever can be shown."""

    def __init__(self, world: World) -> None:
        self._world = world

    def candidates(self, asked: Asked) -> np.ndarray:
        """Return (B, R) videos."""
        every = np.arange(self._world.n_items)[None, :]
        keys = asked.user[:, None], asked.request[:, None], every
        drawn = self._world.chance.uniform(Draw.NOMINATED, *keys)
        gone = asked.taken | ~self._world.catalogue.there(every, asked.time[:, None])
        n = NominatorSettings().candidates
        return np.argsort(np.where(gone, -1.0, drawn), axis=1)[:, -n:]


def at_random(world: World) -> Cascade:
    """Return the control."""
    return Cascade(Beside(AtRandom(world), world.sources()), of_world(world))


def compared(world: World, tested: Tested, a: str, b: str) -> Dict[str, Any]:
    """Return what two arms differ in."""
    found: Dict[str, Any] = {}
    for line in compare(tested, a, b):
        name: Optional[str] = next((LINES[of] for of in LINES if line.name.startswith(of)), None)
        if name is not None:
            gap = line.found
            values = gap.a, gap.b, gap.difference, gap.low, gap.high
            keys = ("a", "b", "difference", "low", "high")
            found[name] = {key: round(value, 4) for key, value in zip(keys, values)}
    lower = world.catalogue.quality < np.median(world.catalogue.quality)
    shown = (tested.outcomes[arm].shown for arm in (a, b))
    of_a, of_b = (round(float(each[lower].sum() / each.sum()), 4) for each in shown)
    found[UNAPPEALING] = {"a": of_a, "b": of_b}
    return found


def table(of: Dict[str, Dict[str, Any]]) -> str:
    """Return a Markdown table of differences."""
    names = list(LINES.values())
    rows = [f"| B less A | {' | '.join(names)} |", "|" + "---|" * (len(names) + 1)]
    for pair, found in of.items():
        cells: List[str] = []
        for name in names:
            gap = found[name]
            digits = 1 if name == "seconds" else 3
            low, high, difference = (
                f"{gap[key]:+.{digits}f}" for key in ("low", "high", "difference")
            )
            cells.append(f"{gap['a']:.{digits}f}, {difference} ({low} to {high})")
        rows.append(f"| {pair} | {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> None:
    """Let all arms live in each world, and record."""
    options = measure.parser(__doc__).parse_args()
    users, days, seeds = (24, 1, 1) if options.quick else (128, 5, 2)
    arms = {CEILING: WORDS[CEILING], FLOOR: WORDS[FLOOR], RANDOM: at_random}
    pairs = [(FLOOR, RANDOM)]
    for beliefs, dials in BELIEFS.items():
        arms.update({f"{kind}, {beliefs}": Explorer(of, *dials) for kind, of in KINDS.items()})
        naive, synchronised = (f"{kind}, {beliefs}" for kind in KINDS)
        pairs += [(RANDOM, naive), (RANDOM, synchronised), (naive, synchronised)]
    results: Dict[str, Any] = {}
    since = time.process_time()
    for seed in range(seeds):
        world = World(world_settings({**DIALS, "people.users": users, "seed": seed}))
        tested = run_test(world, arms, REQUESTS_BEFORE, days)
        found = {f"{b} less {a}": compared(world, tested, a, b) for a, b in pairs}
        results[f"world {seed}"] = found
        print(f"## world {seed}\n\n{table(found)}\n", flush=True)
    result = {
        "plan": {
            "dials": DIALS, "users": users, "days": days, "requests before": REQUESTS_BEFORE,
            "beliefs (spread of a feature, overrated by)": BELIEFS,
        },
        "processor seconds": round(time.process_time() - since, 1),
        **results,
    }  # fmt: skip
    measure.record("nominators", result, options.quick)


if __name__ == "__main__":
    main()
