"""A plot of the trials, in one HTML file that needs nothing else."""

import math
from pathlib import Path
from typing import Any, Dict, List

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from recbole_poem.core.files import whole_file
from recbole_poem.tune.trials import Record, is_better

#: Up to so many different numbers stand on their axis each.
_FEW = 8


def write_plot(path: Path, records: List[Record], title: str) -> None:
    """Write the scores of the trials with the running best, and parallel coordinates of the keys.

    Parameters
    ----------
    path : Path
    records : list of dict
        The trials in the order in which they ended; those that failed stand as crosses.
    title : str
    """
    figure = make_subplots(
        rows=2,
        cols=1,
        specs=[[{"type": "xy"}], [{"type": "domain"}]],
        row_heights=[0.5, 0.5],
        vertical_spacing=0.18,
    )
    for trace in score_traces(records):
        figure.add_trace(trace, row=1, col=1)
    finished = [record for record in records if record["score"] is not None]
    if finished:
        figure.add_trace(parallel_coordinates(finished), row=2, col=1)
    figure.update_xaxes(title_text="trial", tick0=1, dtick=max(1, len(records) // 15))
    figure.update_yaxes(title_text="validation score")
    figure.update_layout(title=title, height=900, template="plotly_white")
    figure.update_layout(legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.06})
    with whole_file(path) as file:
        file.write(figure.to_html(include_plotlyjs=True).encode())


def score_traces(records: List[Record]) -> List[Any]:
    """Return the score of each trial, the best one up to each, and the trials that failed."""
    best, running, scores = None, [], []
    for record in records:
        best = record if is_better(record, best) else best
        running.append(None if best is None else best["score"])
        scores.append(record["score"])
    number = list(range(1, len(records) + 1))
    words = [_words(record) for record in records]
    failed = [n for n, record in zip(number, records) if record["score"] is None]
    known = [score for score in scores if score is not None]
    traces = [
        go.Scatter(x=number, y=scores, text=words, mode="markers", name="trial"),
        go.Scatter(x=number, y=running, mode="lines", line={"shape": "hv"}, name="best so far"),
    ]
    if failed:
        floor = min(known, default=0.0)
        traces.append(
            go.Scatter(
                x=failed,
                y=[floor] * len(failed),
                text=[words[n - 1] for n in failed],
                mode="markers",
                marker={"symbol": "x", "color": "gray"},
                name="failed",
            )
        )
    return traces


def parallel_coordinates(records: List[Record]) -> Any:
    """Return an axis for each tuned key and one for the score, a line for each trial."""
    scores = [record["score"] for record in records]
    axes = [
        axis(key, [record["params"].get(key) for record in records]) for key in records[0]["params"]
    ]
    line = {"color": scores, "colorscale": "Viridis"}
    return go.Parcoords(line=line, dimensions=[*axes, {"label": "score", "values": scores}])


def axis(key: str, values: List[Any]) -> Dict[str, Any]:
    """Return the axis of a key: by size; by powers of ten where they span many; else by name."""
    if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        names = sorted({str(value) for value in values})
        places = [names.index(str(value)) for value in values]
        ticks = list(range(len(names)))
        return {"label": key, "values": places, "tickvals": ticks, "ticktext": names}
    if min(values) > 0 and max(values) / min(values) > 20:
        powers = [math.log10(value) for value in values]
        low, high = min(powers), max(powers)
        ticks_at = [low + (high - low) * step / 4 for step in range(5)]
        text = [f"{10**tick:.2g}" for tick in ticks_at]
        return {"label": key, "values": powers, "tickvals": ticks_at, "ticktext": text}
    few = sorted(set(values))
    if len(few) > _FEW:
        return {"label": key, "values": values}
    text = [f"{value:.4g}" for value in few]
    return {"label": key, "values": values, "tickvals": few, "ticktext": text}


def _words(record: Record) -> str:
    lines = [f"{key}: {value}" for key, value in record["params"].items()]
    return "<br>".join([*lines, *([record["reason"]] if record["reason"] else [])])
