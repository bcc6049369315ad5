"""What a report says of one data set, in numbers: means over seeds, intervals, and tests."""

from functools import partial
from typing import Dict, Iterable, List, Optional, Tuple

import numpy as np
from tqdm import tqdm

from recbole_poem.benchmark import ranking
from recbole_poem.benchmark.extras import extras_of
from recbole_poem.benchmark.report.findings import (
    Comparison,
    Estimate,
    Family,
    Results,
    Spread,
)
from recbole_poem.benchmark.results import Run
from recbole_poem.benchmark.statistics import (
    detectable_difference,
    holm,
    paired_test,
    paired_test_with_seeds,
    percentile_interval,
    resampled_means,
    standard_error,
)
from recbole_poem.benchmark.stored_ranks import Ranks, pairing, with_known
from recbole_poem.core.errors import InputError

#: with a larger share of seen targets the headline is of new ones
SEEN_SHARE = 0.05
_OURS = ("POEM", "Upstream")


def cut_offs(metrics: Iterable[str]) -> List[int]:
    """Return the cut-offs k of the metrics of a run, smallest first; each has an NDCG@k."""
    return [ranking.parse_metric(metric)[1] for metric in metrics if metric.startswith("NDCG@")]


def tested_metrics(ks: List[int]) -> List[str]:
    """Return NDCG at 10 (at the smallest cut-off without 10), and HR at 50 if that is one."""
    return [f"NDCG@{10 if 10 in ks else ks[0]}", *(["HR@50"] if 50 in ks else [])]


def is_baseline(model: str) -> bool:
    """Tell whether a row of this model is one that POEM is compared with."""
    return model not in _OURS


def spread(values: List[float]) -> Spread:
    """Return mean and standard deviation over seeds."""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
    return Spread(float(np.mean(values)), deviation)


def summarise(
    rows: Dict[str, List[Run]], variant_of: Dict[str, str], protocols: List[str]
) -> List[Results]:
    """Read the ranks of a data set's finished runs and compute what the report says of them.

    Parameters
    ----------
    rows : dict
        Name of the row -> its runs, one a seed.
    variant_of : dict
        Name of an ablation or a control -> that of the row it belongs to, which alone it is
        compared with.
    protocols : list of str
        Those to report.

    Returns
    -------
    list of Results
        One a protocol; empty if no run finished.

    Raises
    ------
    InputError
        If ranks are missing or damaged, or two runs ranked different users or have different
        metrics.
    """
    finished = {name: [run for run in runs if run.finished] for name, runs in rows.items()}
    finished = {name: runs for name, runs in finished.items() if runs}
    if not finished:
        return []
    models = {name: runs[0].record["model"] for name, runs in finished.items()}
    extras = {name: extras_of(runs[0].record["config"]) for name, runs in finished.items()}
    listed = [(name, run) for name, runs in finished.items() for run in runs]
    first = listed[0][1]
    reference = (str(first.folder), first.ranks())
    seen = _seen(reference, [run for _, run in listed])
    seen_share = float("nan") if seen is None else float(seen.mean())
    judged = ~seen if seen is not None and SEEN_SHARE < seen_share < 1 else None
    tested = tested_metrics(cut_offs(first.measures(protocols[0])))
    everything: Dict[str, Dict[str, List[Dict[str, float]]]] = {p: {} for p in protocols}
    metrics: Dict[str, Dict[str, List[Dict[str, float]]]] = {p: {} for p in protocols}
    values: Dict[str, Dict[str, np.ndarray]] = {p: {} for p in protocols}
    for name, run in tqdm(listed, "read ranks", delay=2.0):
        ranks = run.ranks()
        order = pairing(reference, (str(run.folder), ranks))
        order = order if judged is None else order[judged]
        for protocol in protocols:
            rank = ranks.rank[protocol][order]
            measures = _measures(run, first, protocol)
            everything[protocol].setdefault(name, []).append(measures)
            measures = measures if judged is None else {**measures, **_of_ranks(rank, measures)}
            metrics[protocol].setdefault(name, []).append(measures)
            mine = [ranking.user_values(rank, m) for m in tested]
            share = np.stack(mine, axis=1) / len(finished[name])  # (N, tested)
            values[protocol][name] = values[protocol].get(name, 0.0) + share
    user = reference[1].user if judged is None else reference[1].user[judged]
    user = np.unique(user, return_inverse=True)[1]
    return [
        _results(p, user, metrics[p], values[p], models, extras, variant_of, tested)._replace(
            seen_share=seen_share, new_only=judged is not None, everything=_spreads(everything[p])
        )
        for p in protocols
    ]


def _seen(reference: Tuple[str, Ranks], runs: List[Run]) -> Optional[np.ndarray]:
    """Return whether the users of the reference's test rows had seen the targets, if a run says it.

    Raises
    ------
    InputError
        As `pairing`.
    """
    known = reference[1]
    for run in runs:
        if known.seen is not None:
            break
        ranks = run.ranks()
        known = with_known(known, ranks, pairing(reference, (str(run.folder), ranks)))
    return known.seen


def _of_ranks(rank: np.ndarray, measures: Iterable[str]) -> Dict[str, float]:
    """Return those of the metrics that the ranks of the targets give; others are of the lists."""
    known = [metric for metric in measures if metric.split("@")[0] in ranking.OF_RANKS]
    return {metric: float(ranking.user_values(rank, metric).mean()) for metric in known}


def _spreads(metrics: Dict[str, List[Dict[str, float]]]) -> Dict[str, Dict[str, Spread]]:
    return {
        name: {m: spread([seed[m] for seed in seeds]) for m in seeds[0]}
        for name, seeds in metrics.items()
    }


def _measures(run: Run, first: Run, protocol: str) -> Dict[str, float]:
    """Return the metrics of a run, which have to be those of the first."""
    measures, others = run.measures(protocol), first.measures(protocol)
    if measures.keys() != others.keys():
        raise InputError(
            f"{run.folder} and {first.folder}: they were measured by {', '.join(measures)} and by "
            f"{', '.join(others)}; give all rows the same 'topk' and the same data"
        )
    return measures


def _results(
    protocol: str,
    user: np.ndarray,
    metrics: Dict[str, List[Dict[str, float]]],
    values: Dict[str, np.ndarray],
    models: Dict[str, str],
    extras: Dict[str, Tuple[str, ...]],
    variant_of: Dict[str, str],
    tested: List[str],
) -> Results:
    names = list(values)
    estimates: Dict[str, Dict[str, Estimate]] = {}
    baselines: List[Family] = []
    upstreams: List[Family] = []
    unequal: List[Family] = []
    contestants = [i for i, name in enumerate(names) if name not in variant_of]
    equals: Dict[Tuple[str, ...], List[int]] = {}  # rows with the same extras
    for i in contestants:
        equals.setdefault(extras[names[i]], []).append(i)
    kinds = {
        "baseline": [i for i in contestants if is_baseline(models[names[i]])],
        "upstream": [i for i in contestants if models[names[i]] == "Upstream"],
    }
    bases = [name for name in dict.fromkeys(variant_of.values()) if name in names]
    variants: Dict[str, List[Family]] = {base: [] for base in bases}
    table = np.stack(list(values.values()), axis=1)  # (N, rows, tested)
    for column, metric in enumerate(tested):
        scores = table[:, :, column]  # (N, rows)
        means = scores.mean(0)
        samples = resampled_means(scores, user)  # (R, rows)
        estimates[metric] = dict(zip(names, estimates_of(means, samples)))
        seeds = {name: [seed[metric] for seed in metrics[name]] for name in names}
        compare = partial(
            _compare, metric, names, scores=scores, user=user, samples=samples, seeds=seeds
        )
        best = {kind: _best(of_kind, means) for kind, of_kind in kinds.items()}
        for shared, rows in equals.items():
            poem = [i for i in rows if models[names[i]] == "POEM"]
            own = [i for i in rows if i not in kinds["upstream"]]
            for kind, found, asking, others in (
                ("baseline", baselines, rows, own),
                ("upstream", upstreams, poem, poem),
            ):
                reference = _best([i for i in rows if i in kinds[kind]], means)
                other = best[kind]
                if reference is not None and asking:
                    found.append(compare(asking, reference)._replace(extras=shared))
                elif reference is None and other is not None and others:
                    unequal.append(compare(others, other)._replace(extras=shared))
        for base, families in variants.items():
            own = [i for i, name in enumerate(names) if variant_of.get(name) == base]
            if own:
                families.append(compare(own, names.index(base)))
    return Results(
        protocol,
        len(np.unique(user)),
        len(user),
        float("nan"),
        False,
        _spreads(metrics),
        {},
        estimates,
        extras,
        baselines,
        upstreams,
        unequal,
        [family for families in variants.values() for family in families],
    )


def estimates_of(means: np.ndarray, samples: np.ndarray) -> List[Estimate]:
    """Join means (C,) with the intervals of their resamples (R, C)."""
    low, high = percentile_interval(samples)
    return [Estimate(*map(float, bounds)) for bounds in zip(means, low, high)]


def _best(candidates: List[int], means: np.ndarray) -> Optional[int]:
    return max(candidates, key=lambda row: means[row], default=None)


def _compare(
    metric: str,
    names: List[str],
    rows: List[int],
    reference: int,
    scores: np.ndarray,
    user: np.ndarray,
    samples: np.ndarray,
    seeds: Dict[str, List[float]],
) -> Family:
    """Test `rows` against `reference`: columns of `scores` (N, rows) and `samples` (R, rows).

    `seeds` has the means of each row, one a seed.
    """
    others = [row for row in rows if row != reference]
    differences = scores[:, others] - scores[:, [reference]]
    estimates = estimates_of(differences.mean(0), samples[:, others] - samples[:, [reference]])
    p_values = np.array([paired_test(scores[:, i], scores[:, reference], user) for i in others])
    errors = [standard_error(differences[:, at], user) for at in range(len(others))]
    base, n_users = float(scores[:, reference].mean()), len(np.unique(user))
    own = seeds[names[reference]]
    comparisons = [
        Comparison(
            names[row],
            estimate,
            estimate.mean / base if base else float("nan"),
            float(p),
            float(corrected),
            paired_test_with_seeds(estimate.mean, error, n_users, seeds[names[row]], own),
            detectable_difference(error, n_users),
        )
        for row, estimate, p, corrected, error in zip(
            others, estimates, p_values, holm(p_values), errors
        )
    ]
    return Family(metric, names[reference], comparisons)
