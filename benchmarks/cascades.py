"""Ranking stages in the closed loop: learned fusions, and rankers that learned other labels.

The plan ``cascades/cascades.yaml`` says which world is written, what is trained in it, and which
arms live with the same people. An arm whose ranker or fusion was trained lives once for each seed
of the training. A user's figure is the mean over seeds, and differences are paired by user: 95 %
percentile bootstrap, which says nothing of other seeds. So each seed's difference stands beside it.

``--quick``: 24 users, one seed, one epoch, one day.
"""

import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, Mapping, Tuple

import measure
import numpy as np
import yaml

from recbole_poem import run_recbole_poem
from recbole_poem.world.ab import Outcome, run_test
from recbole_poem.world.arms import cascade_of
from recbole_poem.world.asked import ensure_world
from recbole_poem.world.cascade import Cascade, Mean, RankingStage
from recbole_poem.world.duel import read_world
from recbole_poem.world.paired import paired
from recbole_poem.world.world import World

PLAN = Path(__file__).parent / "cascades" / "cascades.yaml"
METRICS = {"watch_seconds": "seconds", "long_views": "long views", "requests": "requests"}
BLIND = "blind"


class Blind:
    """Scores all candidates alike, so that the number of a video decides."""

    objectives = ("nothing",)
    checkpoint = None

    def score(self, asked: Any, items: np.ndarray) -> np.ndarray:
        """Return 0 for every candidate."""
        return np.zeros((*items.shape, 1))


def blind(world: World) -> Cascade:
    """Return the platform's sources before a ranker that tells nothing apart."""
    return Cascade(world.sources(), RankingStage(Blind(), Mean()))


def trained(keys: Dict[str, Any], data: Path, folder: Path) -> Tuple[str, float]:
    """Train a model; return its checkpoint, and the processor seconds."""
    model, since = keys.pop("model"), time.process_time()
    given = {**keys, "data_path": str(data.parent), "checkpoint_dir": str(folder)}
    run_recbole_poem(model=model, dataset=data.name, config_dict=given)
    (path,) = folder.glob("*.pth")
    return str(path), time.process_time() - since


def of_seeds(arm: Mapping[str, Any], models: Mapping[str, List[str]]) -> List[Dict[str, Any]]:
    """Return an arm with the checkpoints of each seed; once where nothing in it was trained."""
    named = {part: models[of] for part, of in arm.items() if isinstance(of, str) and of in models}
    seeds = range(len(next(iter(named.values()), [""])))
    return [{**arm, **{part: paths[seed] for part, paths in named.items()}} for seed in seeds]


def by_user(outcomes: List[Outcome], metric: str) -> np.ndarray:
    """Return what is counted of each user and day, for each seed: (S, U)."""
    return np.stack([outcome.by_day(metric).mean(axis=1) for outcome in outcomes])


def compared(a: List[Outcome], b: List[Outcome]) -> Dict[str, Any]:
    """Return the differences, B less A."""
    found = {}
    for metric, name in METRICS.items():
        of_a, of_b = by_user(a, metric), by_user(b, metric)
        gap = paired(of_a.mean(axis=0), of_b.mean(axis=0))
        seeds = (of_b.mean(axis=1) - of_a.mean(axis=1)).round(2).tolist()
        found[name] = {
            "a": round(gap.a, 3), "b": round(gap.b, 3), "difference": round(gap.difference, 3),
            "low": round(gap.low, 3), "high": round(gap.high, 3), "of each seed": seeds,
        }  # fmt: skip
    return found


def table(reference: str, found: Mapping[str, Any]) -> str:
    """Return a Markdown table of the arms of a test against its reference."""
    rows = [
        f"| arm, of a user and day | {' | '.join(METRICS.values())} | seconds less those of "
        f"{reference}, 95 % interval | of each seed |",
        "|" + "---|" * (len(METRICS) + 3),
    ]
    for name, of in found.items():
        values = " | ".join(f"{of[metric]['b']:.2f}" for metric in METRICS.values())
        gap = of["seconds"]
        seeds = ", ".join(f"{each:+.1f}" for each in gap["of each seed"])
        difference = f"{gap['difference']:+.1f} ({gap['low']:+.1f} to {gap['high']:+.1f})"
        rows.append(f"| {name} | {values} | {difference} | {seeds} |")
    return "\n".join(rows)


def main() -> None:
    """Write the world, train, let all arms live, and record."""
    parser = measure.parser(__doc__)
    parser.add_argument("--plan", type=Path, default=PLAN)
    parser.add_argument("--folder", type=Path, help="keep the world and the checkpoints here")
    options = parser.parse_args()
    plan = yaml.safe_load(options.plan.read_text(encoding="utf-8"))
    if options.quick:
        plan.update(seeds=1, days=1)
        plan["world"]["dials"]["people.users"] = 24
        plan["keys"]["epochs"] = 1
    with tempfile.TemporaryDirectory() as folder:
        run(plan, (options.folder or Path(folder)).resolve(), options.plan.stem, options.quick)


def run(plan: Dict[str, Any], folder: Path, name_of_report: str, quick: bool) -> None:
    """Run a plan."""
    data = folder / "dataset" / "cascades"
    ensure_world(data, plan["world"], show_progress=False)
    models: Dict[str, List[str]] = {}
    seconds: Dict[str, List[float]] = {}
    for name, keys in plan["models"].items():
        for seed in range(1, plan["seeds"] + 1):
            place = folder / "saved" / f"{name}-{seed}"
            given = {**keys, **plan["keys"], "seed": seed}
            path, taken = trained(given, data, place)
            models.setdefault(name, []).append(path)
            seconds.setdefault(name, []).append(round(taken, 1))
            print(f"trained {name}, seed {seed}: {taken:.0f} s of a processor", flush=True)
    world, before = read_world(data)
    reports = []
    for test, of in plan["tests"].items():
        arms = {
            f"{name} #{seed}": cascade_of(one, data, 50, False, f"{test}: {name}")
            for name, arm in of["arms"].items()
            for seed, one in enumerate(of_seeds(arm, models))
        }
        since = time.process_time()
        tested = run_test(world, {**arms, f"{BLIND} #0": blind}, before, plan["days"])
        outcomes: Dict[str, List[Outcome]] = {}
        for name, outcome in tested.outcomes.items():
            outcomes.setdefault(name.rpartition(" #")[0], []).append(outcome)
        base = outcomes[of["reference"]]
        found = {name: compared(base, mine) for name, mine in outcomes.items()}
        also = {
            f"{b} less {a}": compared(outcomes[a], outcomes[b])
            for a, b in plan.get("also", {}).get(test, [])
        }
        result = {
            "plan": {**plan, "tests": {test: of}},
            "processor seconds": {**seconds, "the test": round(time.process_time() - since, 1)},
            f"against {of['reference']}": found,
            "between others": also,
        }
        if not quick:
            (measure.RESULTS / "cascades").mkdir(parents=True, exist_ok=True)
        measure.record(f"cascades/{test}", result, quick)
        more = table("the other", also)
        reports.append(f"## {test}\n\n{table(of['reference'], found)}")
        reports += [more] if also else []
    text = "# Ranking stages in the closed loop\n\n" + "\n\n".join(reports) + "\n"
    print(text)
    if not quick:
        (measure.RESULTS / "cascades" / f"{name_of_report}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
