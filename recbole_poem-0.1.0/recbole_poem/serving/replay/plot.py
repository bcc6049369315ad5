"""A replay by minute, in one HTML file that needs nothing else."""

import html
from pathlib import Path
from typing import Any, List

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from recbole_poem.serving.replay.report import Report, write_whole

_BLUE, _ORANGE, _GREEN, _GREY = "#1f6fb4", "#d9591c", "#2c8a4b", "#5f6b7a"


def write_plot(path: Path, report: Report) -> None:
    """Write the figure of a report.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    write_whole(path, figure_of(report).to_html(include_plotlyjs=True))


def figure_of(report: Report) -> go.Figure:
    """Draw quality, shares, latency and requests by minute.

    A minute has few requests, so that quality and shares stand as points, and as lines the means
    of all requests so far. The largest cut-off is drawn.

    Parameters
    ----------
    report : dict
        From `recbole_poem.serving.replay.report.report_of`.
    """
    k, minutes = report["topk"][-1], report["minutes"]
    time = [minute["minute"] for minute in minutes]
    figure = make_subplots(
        rows=4, cols=1, shared_xaxes=True, vertical_spacing=0.05, row_heights=[3, 3, 3, 1.5]
    )
    panels = (
        (1, f"HR@{k}", "hit rate", _BLUE),
        (1, f"NDCG@{k}", "NDCG", _ORANGE),
        (2, "cache_hit_share", "cache hits", _GREEN),
        (2, f"pass_through@{k}", "pass-through", _BLUE),
    )
    for row, name, label, colour in panels:
        values = [minute[name] for minute in minutes]
        figure.add_scatter(
            x=time, y=values, mode="markers", marker={"color": colour, "size": 5, "opacity": 0.4},
            name=f"{label}, minute", row=row, col=1,
        )  # fmt: skip
        figure.add_scatter(
            x=time, y=so_far(values, minutes), mode="lines", line={"color": colour},
            name=f"{label}, so far", row=row, col=1,
        )  # fmt: skip
    for name, colour in (("p50_ms", _GREEN), ("p95_ms", _BLUE), ("p99_ms", _ORANGE)):
        figure.add_scatter(
            x=time, y=[minute[name] for minute in minutes], mode="markers",
            marker={"color": colour, "size": 5, "opacity": 0.6}, name=f"latency {name[:3]}",
            row=3, col=1,
        )  # fmt: skip
    requests = [minute["requests"] for minute in minutes]
    figure.add_bar(
        x=time, y=requests, marker={"color": _GREY, "line": {"color": _GREY, "width": 1}},
        name="requests", row=4, col=1,
    )  # fmt: skip
    for row, title in enumerate((f"quality at {k}", "share", "milliseconds", "requests"), 1):
        figure.update_yaxes(title_text=title, rangemode="tozero", row=row, col=1)
    figure.update_xaxes(title_text="minute (UTC)", row=4, col=1)
    figure.update_layout(title=_title(report), height=1000, template="plotly_white")
    return figure


def so_far(values: List[Any], minutes: List[Report]) -> List[Any]:
    """Return the mean over all requests up to each minute; None before the first value.

    Minutes without a value are left out of the mean. Where only some requests of a minute have
    one, they stand for all of them.
    """
    value = np.array([np.nan if value is None else value for value in values])
    weight = np.array([minute["requests"] for minute in minutes]) * ~np.isnan(value)
    total = np.cumsum(weight)
    mean = np.cumsum(np.nan_to_num(value) * weight) / np.maximum(total, 1)
    return [float(m) if n else None for m, n in zip(mean, total)]


def _title(report: Report) -> str:
    overall, k = report["overall"], report["topk"][-1]
    words = (
        f"{report['model']} on {report['dataset']}: {overall['requests']} requests, "
        f"HR@{k} {overall[f'HR@{k}']:.4f}, NDCG@{k} {overall[f'NDCG@{k}']:.4f}"
    )
    return html.escape(words)
