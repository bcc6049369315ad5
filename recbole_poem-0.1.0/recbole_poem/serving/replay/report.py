"""What a replay found: over all requests and by minute, as JSON and as a table."""

import json
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pandas as pd

from recbole_poem.core.errors import InputError
from recbole_poem.core.files import whole_file
from recbole_poem.core.times import PER_SECOND, in_words
from recbole_poem.serving.replay.traffic import Traffic
from recbole_poem.training.experiment import Experiment

#: JSON values by name
Report = Dict[str, Any]

_QUANTILES = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}
_DASH = "\u2013"  # where there is no number


def report_of(
    experiment: Experiment, traffic: Traffic, found: pd.DataFrame, checkpoint: str, rows: str
) -> Report:
    """Sum up a replay.

    Parameters
    ----------
    experiment : Experiment
    traffic : Traffic
    found : DataFrame
        What `recbole_poem.serving.replay.play.play` returned.
    checkpoint, rows : str
        What was replayed, and which rows were asked.

    Returns
    -------
    dict
        Beside what was played: ``asked_in_training``, how many asked rows the model was trained
        on, and ``training_rows``, how many of all rows played. ``overall`` holds ``requests``,
        ``HR@k``, ``NDCG@k`` and ``pass_through@k`` (null where no request has a ranking) for each
        cut-off, ``overlap@k:objective`` where the rankings have scores, ``cache_hit_share`` and
        latencies; ``minutes`` the same for each calendar minute (UTC) with a request.
    """
    config, log = experiment.config, experiment.train_data._dataset.log
    unit, cut_offs = config["time_unit"], sorted(config["topk"])
    judged = _judged(found, cut_offs)
    minute = found["time"] // (60 * PER_SECOND[unit])
    return {
        "checkpoint": checkpoint,
        "model": config.model,
        "dataset": config.dataset,
        "rows": rows,
        "from": in_words(traffic.begin, unit),
        "to": in_words(traffic.end, unit),
        "topk": cut_offs,
        "mask_seen": bool(config["mask_seen"]),
        "played": len(traffic.rows),
        "training_rows": int(log.training[traffic.rows].sum()),
        "asked_in_training": int(log.training[found["row"].to_numpy()].sum()),
        "overall": _figures(judged),
        "minutes": [
            {"minute": in_words(number * 60 * PER_SECOND[unit], unit), **_figures(part)}
            for number, part in judged.groupby(minute)
        ],
    }


def _judged(found: pd.DataFrame, cut_offs: List[int]) -> pd.DataFrame:
    """Return the values whose means the report gives, and the milliseconds, of each request."""
    rank = found["rank"].to_numpy(float)
    values: Dict[str, Any] = {}
    for k in cut_offs:
        hit = (rank > 0) & (rank <= k)
        values[f"HR@{k}"] = hit.astype(float)
        values[f"NDCG@{k}"] = hit / np.log2(rank + 1 + (rank == 0))
        values[f"pass_through@{k}"] = found[f"pass_through@{k}"]
    values.update(found.filter(like="overlap@"))
    values["cache_hit_share"] = found["cache_hit"].astype(float)
    return pd.DataFrame({**values, "milliseconds": found["milliseconds"]}, index=found.index)


def _figures(judged: pd.DataFrame) -> Report:
    latency = judged["milliseconds"]
    means = judged.drop(columns="milliseconds").mean()
    return {
        "requests": len(judged),
        **{name: None if np.isnan(mean) else float(mean) for name, mean in means.items()},
        **{name: float(latency.quantile(share)) for name, share in _QUANTILES.items()},
    }


def write_report(path: Path, report: Report) -> None:
    """Write the report as JSON, whole or not at all.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    write_whole(path, json.dumps(report, indent=1, allow_nan=False))


def write_whole(path: Path, text: str) -> None:
    """Write a text file, whole or not at all.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    try:
        with whole_file(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise InputError(f"--output: {path} cannot be written: {error.strerror}") from error


def table(report: Report) -> str:
    """Return the summary that the command prints."""
    overall = report["overall"]
    lines = [
        f"{report['model']} on {report['dataset']}, {report['from']} to {report['to']} (UTC)",
        f"{report['played']} rows played, {overall['requests']} requests asked "
        f"(--rows={report['rows']})",
        "",
        f"{'k':>5}  {'hit rate':>8}  {'NDCG':>8}  {'pass-through':>12}",
    ]
    for k in report["topk"]:
        hits, gain, kept = (overall[f"{name}@{k}"] for name in ("HR", "NDCG", "pass_through"))
        lines.append(f"{k:>5}  {hits:8.4f}  {gain:8.4f}  {_number(kept):>12}")
    lines += _overlaps(overall)
    latencies = ", ".join(f"{name[:3]} {overall[name]:.2f} ms" for name in _QUANTILES)
    lines += [
        "",
        f"cache hits: {overall['cache_hit_share']:.4f} of the requests",
        f"latency:    {latencies}",
    ]
    if report["training_rows"]:
        lines += ["", leak(report)]
    return "\n".join(lines)


def _overlaps(overall: Report) -> List[str]:
    """Return what the answers have of the best by each objective alone, a line a cut-off."""
    by_cut_off: Dict[str, List[str]] = {}
    for name, value in overall.items():
        figure, _, objective = name.partition(":")
        if figure.startswith("overlap@"):
            by_cut_off.setdefault(figure, []).append(f"{objective} {_number(value)}")
    return [f"{figure}: {', '.join(values)}" for figure, values in by_cut_off.items()]


def leak(report: Report) -> str:
    """Say what of the traffic the model was trained on."""
    return (
        f"{report['asked_in_training']} of the requests asked, and {report['training_rows']} of "
        "the rows played, were training rows: the model knows these hours. After a split by time "
        "(split_by_time) it does not."
    )


def _number(value: Any) -> str:
    return _DASH if value is None else f"{value:.4f}"
