"""The charts of a report, drawn by plotly: bars with intervals, training curves, time and quality.

Names come from files and plotly reads a little HTML in texts, so every name is escaped.
"""

import html
from typing import Dict, List, Optional, Tuple

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from recbole_poem.benchmark.report.document import Chart
from recbole_poem.benchmark.report.findings import Results
from recbole_poem.benchmark.results import Run

COLOURS = (
    "#1f6fb4", "#d9591c", "#2c8a4b", "#8b4fb0", "#b8860b", "#c2317b", "#1797a6", "#6b5b4d",
    "#4b57c4", "#7d8f1d", "#a02c2c", "#5f6b7a",
)  # fmt: skip
_DASHES = ("solid", "dash", "dot", "dashdot")
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star")
_PROTOCOLS = {"masked": ("seen items last", "#1f6fb4"), "recbole": ("RecBole's", "#b9c3d3")}


def score_bars(
    results: List[Results],
    variant_of: Dict[str, str],
    labels: Dict[str, str],
    oracles: Optional[Dict[str, Dict[str, float]]] = None,
) -> List[Chart]:
    """Draw each row's main metric under every protocol, and once more beside its variants.

    `labels` are the names of the rows with their marks, `oracles` what a world says could be known
    of its data set with seen items last, by oracle and metric: each is a line.
    """
    finished = list(next(iter(results[0].estimates.values())))
    groups = [[name for name in finished if name not in variant_of]]
    for base in dict.fromkeys(variant_of.values()):
        groups.append([n for n in finished if n == base or variant_of.get(n) == base])
    return [_score_bars(results, group, labels, oracles or {}) for group in groups if group]


def _score_bars(
    results: List[Results],
    names: List[str],
    labels: Dict[str, str],
    oracles: Dict[str, Dict[str, float]],
) -> Chart:
    """Draw the main metric of some rows under every protocol, best first, with its interval."""
    metric = next(iter(results[0].estimates))
    first = results[0].estimates[metric]
    names = sorted(names, key=lambda row: first[row].mean)  # plotly's first is at the bottom
    figure = go.Figure()
    for result in reversed(results):
        title, colour = _PROTOCOLS[result.protocol]
        found = [result.estimates[metric][name] for name in names]
        figure.add_bar(
            y=[_label(labels[name]) for name in names],
            x=[_round(estimate.mean) for estimate in found],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [_round(e.high - e.mean) for e in found],
                "arrayminus": [_round(e.mean - e.low) for e in found],
                "color": "#1c2330",
                "thickness": 1.2,
                "width": 3,
            },
            orientation="h",
            name=title,
            marker_color=colour,
            hovertemplate="%{y}: %{x:.4f}<extra>" + title + "</extra>",
        )
    of = " with new targets" if results[0].new_only else ""
    lay_out(figure, f"{metric} on test rows{of}", "", 130 + 40 * len(names))
    figure.update_layout(barmode="group", bargap=0.25, legend_traceorder="reversed")
    figure.update_layout(legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0})
    figure.update_yaxes(automargin=True, ticklabelstandoff=6, showgrid=False)
    figure.update_xaxes(rangemode="tozero")
    lines = {name: scores[metric] for name, scores in oracles.items() if metric in scores}
    for name, score in lines.items():
        figure.add_vline(x=_round(score), line={"color": "#2c8a4b", "dash": "dash", "width": 1.5})
        figure.add_annotation(
            x=_round(score), y=0, yref="paper", yanchor="bottom", showarrow=False,
            text=f"oracle {_label(name)}", textangle=-90, xanchor="left",
            font={"size": 11, "color": "#2c8a4b"},
        )  # fmt: skip
    of_lines = (
        " Dashed: what could be known with seen items last, by somebody who knows the long-term "
        "taste, the context of the request before as well, or that of now."
    )
    return Chart(
        figure,
        f"{metric}, mean over test rows and seeds, best first; whiskers: 95 % bootstrap interval "
        "over users. Whiskers that overlap do not mean that there is no difference: the users are "
        f"the same, and the paired tests are in the tables.{of_lines if lines else ''}",
    )


def training_curves(rows: Dict[str, List[Run]]) -> Optional[Chart]:
    """Draw the validation score of every seed over seconds, or epochs by a button; None if bare."""
    figure = go.Figure()
    seconds: List[List[float]] = []
    epochs: List[List[int]] = []
    metrics = set()
    for at, (name, runs) in enumerate(rows.items()):
        curves = [run.record for run in runs if run.finished and run.trains and run.record["curve"]]
        for seed, record in enumerate(curves):
            seconds.append([round(point["seconds"], 2) for point in record["curve"]])
            epochs.append([point["epoch"] for point in record["curve"]])
            metrics.add(str(record.get("valid_metric")))
            figure.add_scatter(
                x=seconds[-1],
                y=[_round(point["score"]) for point in record["curve"]],
                mode="lines" if len(record["curve"]) > 1 else "markers",
                name=_label(name),
                legendgroup=str(at),
                showlegend=seed == 0,
                opacity=0.9 if seed == 0 else 0.35,
                line={"color": _colour(at), "dash": _dash(at), "width": 1.8},
                marker={"color": _colour(at), "symbol": _symbol(at), "size": 8},
                hovertemplate=f"{_label(name)}, seed {record['seed']}: %{{y:.4f}}<extra></extra>",
            )
    if not epochs:
        return None
    metric = metrics.pop() if len(metrics) == 1 else "score"
    height = _height([trace.name for trace in figure.data if trace.showlegend])
    lay_out(figure, "seconds since start", f"validation {html.escape(metric)}", height)
    figure.update_xaxes(type="log")
    axes = (
        ("seconds", seconds, "seconds since start", "log"),
        ("epochs", epochs, "epoch", "linear"),
    )
    figure.update_layout(
        updatemenus=[
            {
                "type": "buttons",
                "direction": "right",
                "x": 0,
                "xanchor": "left",
                "y": 1.02,
                "yanchor": "bottom",
                "pad": {"b": 4},
                "buttons": [
                    {
                        "label": label,
                        "method": "update",
                        "args": [
                            {"x": values},
                            {
                                "xaxis.title.text": title,
                                "xaxis.type": kind,
                                "xaxis.autorange": True,
                            },
                        ],
                    }
                    for label, values, title, kind in axes
                ],
            }
        ]
    )
    return Chart(
        figure,
        "Validation score after each epoch, one line a seed (the first one strong), on a "
        "logarithmic axis of seconds; the buttons change to epochs and back. A click on a name "
        "hides its lines, a double click all others.",
    )


def time_and_quality(results: List[Results], rows: Dict[str, List[Run]]) -> List[Chart]:
    """Draw each row's main metric over the seconds that a seed took, all in all."""
    metric = next(iter(results[0].estimates))
    names = [name for name in results[0].estimates[metric] if name in rows]
    if not names:
        return []
    figure = make_subplots(
        1, len(results), horizontal_spacing=0.09,
        subplot_titles=[_PROTOCOLS[result.protocol][0] for result in results],
    )  # fmt: skip
    seconds = {name: _mean_seconds(rows[name]) for name in names}
    for column, result in enumerate(results, 1):
        estimates = result.estimates[metric]
        front = _front({name: (seconds[name], estimates[name].mean) for name in names})
        figure.add_scatter(
            x=[_round(seconds[name]) for name in front],
            y=[_round(estimates[name].mean) for name in front],
            mode="lines",
            line={"color": "#9aa4b5", "dash": "dot", "shape": "hv"},
            name="none is faster and better",
            legendgroup="front",
            showlegend=column == 1,
            hoverinfo="skip",
            row=1,
            col=column,
        )
        for at, name in enumerate(rows):
            if name not in estimates:
                continue
            estimate = estimates[name]
            figure.add_scatter(
                x=[_round(seconds[name])],
                y=[_round(estimate.mean)],
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [_round(estimate.high - estimate.mean)],
                    "arrayminus": [_round(estimate.mean - estimate.low)],
                    "thickness": 0.8,
                    "width": 2,
                },
                mode="markers",
                marker={"size": 10, "color": _colour(at), "symbol": _symbol(at)},
                name=_label(name),
                legendgroup=str(at),
                showlegend=column == 1,
                hovertemplate=f"{_label(name)}: %{{y:.4f}} in %{{x:.0f}} s<extra></extra>",
                row=1,
                col=column,
            )
    lay_out(figure, "seconds of a seed, all in all", metric, _height(names))
    figure.update_xaxes(type="log", exponentformat="none")
    figure.update_layout(margin_t=50)
    caption = (
        f"{metric} on test rows over the mean seconds of a seed (data, training and evaluation) by "
        "the clock on the wall, whatever else the machine did, on a logarithmic axis. On the "
        "dotted line are the rows that no other one beats in both; whiskers as above."
    )
    return [Chart(figure, caption)]


def lay_out(figure: go.Figure, x: str, y: str, height: int) -> None:
    """Give a figure what all have: fonts, margins, titles of the axes, a height in pixels."""
    figure.update_layout(
        template="plotly_white",
        height=height,
        margin={"l": 70, "r": 20, "t": 60, "b": 60},
        font={"size": 13, "color": "#1c2330"},
        legend={"tracegroupgap": 0, "font": {"size": 12}},
        hoverlabel={"namelength": -1},
    )
    figure.update_xaxes(title_text=x, automargin=True)
    figure.update_yaxes(automargin=True)
    figure.update_layout(yaxis_title_text=y)


def _height(names: List[str]) -> int:
    """Leave room for a legend of so many lines."""
    return max(440, 150 + 19 * len(names))


def _front(points: Dict[str, Tuple[float, float]]) -> List[str]:
    """Return the names that no other beats in both, from the fastest to the best."""
    front: List[str] = []
    best = float("-inf")
    for name in sorted(points, key=lambda name: (points[name][0], -points[name][1])):
        if points[name][1] > best:
            best = points[name][1]
            front.append(name)
    return front


def _mean_seconds(runs: List[Run]) -> float:
    totals = [float(run.record["seconds"]["total"]) for run in runs if run.finished]
    return sum(totals) / len(totals)


def _label(name: str) -> str:
    return html.escape(name)


def _round(value: float) -> float:
    return float(f"{value:.6g}")


def _colour(at: int) -> str:
    return COLOURS[at % len(COLOURS)]


def _symbol(at: int) -> str:
    hollow = "-open" if at // len(COLOURS) % 2 else ""  # the colours begin anew
    return _SYMBOLS[at % len(_SYMBOLS)] + hollow


def _dash(at: int) -> str:
    return _DASHES[at // len(COLOURS) % len(_DASHES)]
