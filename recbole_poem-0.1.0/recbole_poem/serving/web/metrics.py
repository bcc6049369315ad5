"""What a running service counts, as Prometheus reads it."""

from typing import Any, Callable, Dict, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from recbole_poem.serving.query import Answer

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The counters of one service."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        made: Dict[str, Any] = {"registry": self._registry, "namespace": "recbole_poem"}
        self._responses = Counter("responses", "HTTP responses", ["path", "status"], **made)
        self._seconds = Histogram(
            "response_seconds", "From the request to the response", ["path"],
            buckets=_SECONDS, **made,
        )  # fmt: skip
        self._batches = Histogram(
            "batch_size", "Requests that were answered together", buckets=_SIZES, **made
        )
        self._caches = Counter(
            "cache_reads", "Rankings that recommendations were made from", ["result"], **made
        )
        self._unknown = Counter("unknown_items", "Item tokens that the model does not know", **made)
        self._kept = Counter("kept", "Rankings and feedback, kept or not", ["kind", "kept"], **made)
        self._swaps = Counter("swaps", "New checkpoints, taken or refused", ["result"], **made)
        self._waiting = Gauge("waiting", "Requests that wait for the next batch", **made)

    def watch_waiting(self, count: Callable[[], int]) -> None:
        """Report how many requests wait, by a function that says so."""
        self._waiting.set_function(count)

    def responded(self, path: str, status: int, seconds: float) -> None:
        """Count a response of an endpoint."""
        self._responses.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def answered(self, answers: Sequence[Answer], caches: Sequence[str]) -> None:
        """Count a batch of answers, and where their rankings came from."""
        self._batches.observe(len(answers))
        for cache in caches:
            self._caches.labels(cache).inc()
        self._unknown.inc(sum(answer.n_unknown for answer in answers))

    def kept(self, kind: str, was_kept: bool) -> bool:
        """Count a write to a store and return whether it was one."""
        self._kept.labels(kind, "yes" if was_kept else "no").inc()
        return was_kept

    def swapped(self, was_taken: bool) -> None:
        """Count a new checkpoint."""
        self._swaps.labels("taken" if was_taken else "refused").inc()

    def text(self) -> bytes:
        """Return all of them in Prometheus' text form."""
        return generate_latest(self._registry)
