"""What each stage of a cascade is worth in the closed loop, where the ranking stage knows or not.

The plan ``cascades/stages.yaml`` names two cascades of ``properties/cascade``. Each arm is the
first with some stages of the second. All arms of a world live with the same people, and differences
to the first arm are paired by user: 95 % percentile bootstrap, of one training of each model. So
they say nothing of other trainings. Tests of watch time are paired t-tests, corrected by Holm over
all claims in all worlds. A blind ranker and the first arm once more are controls.

``--quick``: 24 users, one epoch, one day; nothing is recorded.
"""

import math
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, Mapping

import measure
import numpy as np
import yaml
from cascades import BLIND, blind

from recbole_poem.benchmark.statistics import holm, paired_test
from recbole_poem.core.config_files import read_yaml
from recbole_poem.world.ab import Arm, Outcome, run_test
from recbole_poem.world.arms import WORDS, cascade_of, presets
from recbole_poem.world.asked import ensure_world
from recbole_poem.world.comparison import CEILING, compare
from recbole_poem.world.duel import read_world
from recbole_poem.world.trainings import is_training

PLAN = Path(__file__).parent / "cascades" / "stages.yaml"
WATCHED = "watch time, s per user and day"
#: lines of the comparison that are kept, with their names in the table
SHOWN = {
    WATCHED: "seconds",
    "long views per user and day": "long views",
    "requests until leaving": "requests until leaving",
    "category entropy, bits": "entropy of kinds, bits",
    "sent that is in the ranking of everything, share": "pass-through",
    "cascade regret, expected s of a list": "regret, s of a list",
}
DIGITS = {"pass-through": 3, "entropy of kinds, bits": 3, "long views": 2}


def cascades_of(plan: Mapping[str, Any]) -> Dict[str, Dict[str, Any]]:
    """Return what each arm of a plan is: its stages, with the plan's keys in all trainings."""
    files = presets()
    first, second = (read_yaml(files[plan[name]]) for name in ("from", "to"))
    found = {}
    for name, arm in plan["arms"].items():
        changes = {key: value for key, value in arm.items() if key != "stages"}
        parts = {**first, **{stage: second[stage] for stage in arm.get("stages", [])}, **changes}
        found[name] = {
            stage: {**part, **plan["keys"]} if is_training(part) else part
            for stage, part in parts.items()
        }
    return found


def lived(plan: Mapping[str, Any], data: Path, folder: Path) -> Dict[str, Any]:
    """Let all arms live in the world of a data set; return what came of them, and what it took."""
    world, before = read_world(data)
    arms: Dict[str, Arm] = {}
    seconds = {}
    for name, parts in cascades_of(plan).items():
        since = time.process_time()
        arms[name] = cascade_of(parts, data, 50, False, name, str(folder / "saved"))
        arms[name](world)  # trains what is not there
        seconds[f"{name}, trained and made"] = round(time.process_time() - since, 1)
        print(f"{data.name}: {name} is made", flush=True)
    since = time.process_time()
    controls = {BLIND: blind, CEILING: WORDS[CEILING]}
    tested = run_test(world, {**arms, **controls}, before, plan["days"])
    seconds["the test"] = round(time.process_time() - since, 1)
    first = next(iter(plan["arms"]))
    pairs = [[first, name] for name in [*plan["arms"], *controls] if name != first]
    return {
        "processor seconds": seconds,
        "differences": {
            f"{b} less {a}": {
                **{
                    line.name: figures(line.found)
                    for line in compare(tested, a, b)
                    if line.name in SHOWN
                },
                "p of watch time": p_of(tested.outcomes[a], tested.outcomes[b]),
            }
            for a, b in [*pairs, *plan["also"]]
        },
    }


def figures(found: Any) -> Dict[str, Any]:
    """Return a difference as plain numbers; None where there is no interval."""
    given = {**found._asdict(), "difference": found.difference}
    return {name: round(of, 5) if math.isfinite(of) else None for name, of in given.items()}


def p_of(one: Outcome, other: Outcome) -> float:
    """Return the p of the paired t-test of the seconds that each user watched on a day."""
    a, b = (outcome.by_day("watch_seconds").mean(axis=1) for outcome in (one, other))
    return paired_test(b, a, np.arange(len(a)))


def corrected(plan: Mapping[str, Any], worlds: Mapping[str, Any]) -> Dict[str, float]:
    """Return the p of every claim, by world and arm, corrected for their number."""
    first = next(iter(plan["arms"]))
    claims = {
        f"{world}: {name}": of["differences"][f"{name} less {first}"]["p of watch time"]
        for world, of in worlds.items()
        for name in plan["claims"]
    }
    return dict(zip(claims, holm(np.array(list(claims.values()))).tolist()))


def table(differences: Mapping[str, Any], pairs: List[str], tests: Mapping[str, float]) -> str:
    """Return a Markdown table of some differences, and of Holm's p by the arm's name."""
    rows = [
        f"| arm | {' | '.join(SHOWN.values())} | seconds less, 95 % interval | p, Holm |",
        "|" + "---|" * (len(SHOWN) + 3),
    ]
    first = differences[pairs[0]]
    a = pairs[0].rpartition(" less ")[2]
    rows.append(f"| {a} | {' | '.join(cell(first[m]['a'], n) for m, n in SHOWN.items())} | | |")
    for pair in pairs:
        of, name = differences[pair], pair.rpartition(" less ")[0]
        values = " | ".join(cell(of[metric]["b"], column) for metric, column in SHOWN.items())
        gap = of[WATCHED]
        told = f"{gap['difference']:+.1f} ({gap['low']:+.1f} to {gap['high']:+.1f})"
        p = "" if name not in tests else "< 0.0001" if tests[name] < 1e-4 else f"{tests[name]:.4f}"
        rows.append(f"| {name} | {values} | {told} | {p} |")
    return "\n".join(rows)


def cell(value: Any, column: str) -> str:
    """Return a figure of the table."""
    return "" if value is None else f"{value:.{DIGITS.get(column, 1)}f}"


def report(plan: Mapping[str, Any], worlds: Mapping[str, Any]) -> str:
    """Return the report as Markdown."""
    tests, parts = corrected(plan, worlds), ["# What each stage of a cascade is worth"]
    for world, of in worlds.items():
        by_name = {
            name.partition(": ")[2]: p for name, p in tests.items() if name.startswith(f"{world}: ")
        }
        others = [f"{b} less {a}" for a, b in plan["also"]]
        pairs = [pair for pair in of["differences"] if pair not in others]
        parts += [f"## {world}", table(of["differences"], pairs, by_name)]
        parts += [table(of["differences"], [pair], {}) for pair in others]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Write the worlds, train, let all arms live, and record after each world."""
    parser = measure.parser(__doc__)
    parser.add_argument("--plan", type=Path, default=PLAN)
    parser.add_argument("--folder", type=Path, help="keep the worlds and the checkpoints here")
    options = parser.parse_args()
    plan = yaml.safe_load(options.plan.read_text(encoding="utf-8"))
    if options.quick:
        plan["days"], plan["keys"]["epochs"] = 1, 1
        for world in plan["worlds"].values():
            world["dials"]["people.users"] = 24
    worlds: Dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as spare:
        folder = (options.folder or Path(spare)).resolve()
        for name, asked in plan["worlds"].items():
            data = folder / "dataset" / name
            ensure_world(data, asked, show_progress=False)
            worlds[name] = lived(plan, data, folder)
            if not options.quick:
                (measure.RESULTS / "cascades").mkdir(parents=True, exist_ok=True)
            result = {"plan": plan, "cascades": cascades_of(plan), "worlds": worlds}
            result["p of watch time, Holm"] = corrected(plan, worlds)
            measure.record(f"cascades/{options.plan.stem}", result, options.quick)
            text = report(plan, worlds)
            print(text, flush=True)
            if not options.quick:
                path = measure.RESULTS / "cascades" / f"{options.plan.stem}.md"
                path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
