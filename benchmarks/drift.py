"""A memory of recent errors (`reloop2`) in the closed loop, day by day, while the world moves on.

The plan ``cascades/drift.yaml`` says which worlds, and which arms live with the same people. First
the platform's own sources fill the log. A model learns of it, finds candidates beside these
sources, and scores all of them: it is the ranking stage of an arm. It is trained once, or again
every night on all that its arm has shown. A memory hears hour by hour what came of its lists. Days
are those of the calendar, so nobody's model knows a later day of somebody else.

Differences are paired by user: 95 % percentile bootstrap, of one seed of the training.

``--quick``: 24 users, one world, two days, one epoch.
"""

import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple

import measure
import numpy as np
import yaml

from recbole_poem import run_recbole_poem
from recbole_poem.world.cascade import Cascade, Lists, Mean, RankingStage, WorldRanker
from recbole_poem.world.dataset import write_life
from recbole_poem.world.life import together
from recbole_poem.world.list_makers import lists_of
from recbole_poem.world.loop import Lives, Until
from recbole_poem.world.makers import OfCheckpoint
from recbole_poem.world.paired import paired
from recbole_poem.world.retrieval import Asked, Retrieval
from recbole_poem.world.retrieval_states import RetrievalStates
from recbole_poem.world.served import Served
from recbole_poem.world.settings import world_settings
from recbole_poem.world.world import World

PLAN = Path(__file__).parent / "cascades" / "drift.yaml"
METRICS = ("seconds", "long views", "requests")
_DAY = 86_400


class OwnScores:
    """The ranking stage of a platform whose model ranks what it finds: its logits, and no other."""

    objectives = ("logit",)
    checkpoint = None

    def __init__(self, retrieval: Retrieval, n_items: int) -> None:
        self._states = RetrievalStates(retrieval, np.arange(1, n_items + 1))

    def score(self, asked: Asked, items: np.ndarray) -> np.ndarray:
        """Return the largest product of a user state with each candidate, (B, R, 1)."""
        context = self._states(asked)
        assert context.state is not None and context.embedding is not None
        vector = context.embedding[items + 1]  # (B, R, d); of no video the padding's
        product = vector @ context.state.transpose(1, 2)  # (B, R, K)
        return product.amax(dim=2, keepdim=True).numpy()


class ToldOfOthers:
    """Lists whose makers hear of each exposure what came of one that is drawn from all so far."""

    def __init__(self, lists: Lists) -> None:
        self._lists, self._draws = lists, np.random.default_rng(0)
        self._heard = np.zeros(0, dtype=bool)

    @property
    def slot(self) -> Optional[float]:
        """Seconds; see `recbole_poem.world.cascade.Lists`."""
        return self._lists.slot

    def shown(self, asked: Asked, ranked: np.ndarray, by: np.ndarray) -> np.ndarray:
        """Make lists as ever."""
        return self._lists.shown(asked, ranked, by)

    def observe(self, asked: Asked, shown: np.ndarray, taken: np.ndarray, end: np.ndarray) -> None:
        """Tell what came of others."""
        seen = shown >= 0
        self._heard = np.concatenate([self._heard, taken[seen]])
        told = np.zeros_like(taken)
        told[seen] = self._draws.choice(self._heard, int(seen.sum()))
        self._lists.observe(asked, shown, told, end)


def trained(
    world: World, rounds: List[Served], keys: Mapping[str, Any], data: Path
) -> Tuple[str, float]:
    """Train a model on what was shown; return its checkpoint and its best validation score.

    The checkpoint lies beside the data set. Rankings are left out, as the model reads none.
    """
    n = world.settings.list.candidates
    blank = [
        served._replace(
            ranked=np.full((len(served.user), n), -1),
            scores=np.zeros((len(served.user), n, len(world.objectives))),
        )
        for served in rounds
    ]
    write_life(world, together(blank), data)
    given = {**keys, "data_path": str(data.parent), "checkpoint_dir": str(data / "saved")}
    found = run_recbole_poem(model=given.pop("model"), dataset=data.name, config_dict=given)
    (path,) = (data / "saved").glob("*.pth")
    return str(path), found["best_valid_score"]


def cascade_of(world: World, arm: Mapping[str, Any], path: str, data: Path, n: int) -> Cascade:
    """Return an arm with a model: it finds and ranks, and re-rankers make the list."""
    # it reads no rankings, so the ranker whose scores it may be told is the world's
    retrieval = OfCheckpoint(path, str(data), n, alone=False)(world, WorldRanker(world))
    stage = RankingStage(OwnScores(retrieval, world.n_items), Mean())
    lists = lists_of(arm.get("rerankers", "none"), str(data), "rerankers")(world, retrieval)
    return Cascade(retrieval, stage, ToldOfOthers(lists) if arm.get("shuffled") else lists)


def lived(
    world: World, plan: Mapping[str, Any], arm: Mapping[str, Any], start: Lives,
    log: List[Served], first: str, folder: Path,
) -> Dict[str, Any]:  # fmt: skip
    """Let an arm live, day by day; return what is counted of each user and day, (U, days)."""
    rounds, days = list(log), plan["days"]
    counts = {name: np.zeros((world.n_users, days)) for name in METRICS}
    seconds = {"training": 0.0, "living": 0.0}
    path, data, lives = first, Path(first).parents[1], start
    for day in range(days):
        if arm["trained"] == "daily" and day > 0:
            since = time.process_time()
            data = folder / f"day-{day}"
            path, _ = trained(world, rounds, plan["model"], data)
            seconds["training"] += time.process_time() - since
        if arm["trained"] == "daily" or day == 0:
            cascade = cascade_of(world, arm, path, data, plan["candidates"])
            lives = lives.twin(cascade.stage, cascade.lists)
        since = time.process_time()
        for served in lives.go(cascade.retrieval, Until(time=(plan["before"] + day + 1) * _DAY)):
            rounds.append(served)
            counts["seconds"][served.user, day] += served.seconds.sum(axis=1)
            counts["long views"][served.user, day] += served.reactions["long_view"].sum(axis=1)
            counts["requests"][served.user, day] += 1
        seconds["living"] += time.process_time() - since
    return {"counts": counts, "seconds": seconds}


def compared(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> Dict[str, Any]:
    """Return the differences, B less A, of a user and day; of seconds also those of each day."""
    found: Dict[str, Any] = {}
    for name in METRICS:
        gap = paired(a[name].mean(axis=1), b[name].mean(axis=1))
        values = {"a": gap.a, "b": gap.b, "difference": gap.difference,
                  "low": gap.low, "high": gap.high}  # fmt: skip
        found[name] = {key: round(value, 3) for key, value in values.items()}
    days = (b["seconds"] - a["seconds"]).mean(axis=0)
    return {**found, "seconds of each day": days.round(1).tolist()}


def of_world(plan: Mapping[str, Any], dials: Mapping[str, Any], folder: Path) -> Dict[str, Any]:
    """Let all arms live in one world."""
    usual = {"people.users": plan["users"], "retrieval": "own"}
    world = World(world_settings({**usual, **dials}))
    start = Lives(world, np.arange(world.n_users))
    log = list(start.go(world.usual_retrieval(), Until(time=plan["before"] * _DAY)))
    since = time.process_time()
    first, score = trained(world, log, plan["model"], folder / "before")
    spent: Dict[str, Any] = {"the first training": round(time.process_time() - since, 1)}
    counts: Dict[str, Any] = {}
    for name, arm in plan["arms"].items():
        found = lived(world, plan, arm, start, log, first, folder / name)
        counts[name] = found["counts"]
        spent[name] = {of: round(value, 1) for of, value in found["seconds"].items()}
        print(f"{name}: {spent[name]}", flush=True)
    return {
        "exposures before": int(sum(served.seen.sum() for served in log)),
        "validation score of the first training": score,
        "of a user and day": {
            name: {metric: round(float(of[metric].mean()), 3) for metric in METRICS}
            for name, of in counts.items()
        },
        "pairs": {f"{b} less {a}": compared(counts[a], counts[b]) for a, b in plan["pairs"]},
        "processor seconds": spent,
    }


def table(found: Mapping[str, Any]) -> str:
    """Return a Markdown table of the pairs of one world."""
    rows = ["| B less A | seconds of a user and day | long views | each day |", "|---|---|---|---|"]
    for name, of in found["pairs"].items():
        cells = [
            f"{gap['difference']:+.2f} ({gap['low']:+.2f} to {gap['high']:+.2f})"
            for gap in (of["seconds"], of["long views"])
        ]
        days = ", ".join(f"{day:+.1f}" for day in of["seconds of each day"])
        rows.append(f"| {name} | {' | '.join(cells)} | {days} |")
    return "\n".join(rows)


def main() -> None:
    """Let all arms live in all worlds, and record."""
    parser = measure.parser(__doc__)
    parser.add_argument("--plan", type=Path, default=PLAN)
    parser.add_argument("--world", help="of the plan; default: one after the other")
    parser.add_argument("--arms", nargs="+", help="of the plan; default: all")
    parser.add_argument("--name", default="drift", help="of the records, before the world's")
    options = parser.parse_args()
    plan = yaml.safe_load(options.plan.read_text(encoding="utf-8"))
    if options.quick:
        plan.update(users=24, before=4, days=2)
        plan["model"]["epochs"] = 1
        plan["worlds"] = dict(list(plan["worlds"].items())[-1:])
    arms = {
        name: arm for name, arm in plan["arms"].items() if name in (options.arms or plan["arms"])
    }
    plan["pairs"] = [pair for pair in plan["pairs"] if set(pair) <= set(arms)]
    plan["arms"] = arms
    for name in [options.world] if options.world else plan["worlds"]:
        with tempfile.TemporaryDirectory() as folder:
            found = of_world(plan, plan["worlds"][name], Path(folder))
        print(f"## {name}\n\n{table(found)}\n", flush=True)
        measure.record(f"cascades/{options.name}-{name}", {"plan": plan, **found}, options.quick)


if __name__ == "__main__":
    main()
