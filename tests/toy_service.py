"""A service whose recommender says what it was asked, for tests of what stands around it."""

import asyncio
import threading
from typing import Any, Awaitable, Callable, List, Optional, Sequence, Tuple

import httpx

from recbole_poem.serving.log_times import LogTimes
from recbole_poem.serving.query import Answer, Outcome, Query
from recbole_poem.serving.ranking import Needs
from recbole_poem.serving.stores.store import MemoryHistories, MemoryStore
from recbole_poem.serving.web.guard import Guard, Rules
from recbole_poem.serving.web.http import make_app
from recbole_poem.serving.web.metrics import Metrics
from recbole_poem.serving.web.service import Bounds, Service


class Echo:
    """Recommends the items of the ranking and then those of the history; "new" is unknown."""

    def __init__(self, checkpoint: str = "echo 1") -> None:
        self.model, self.checkpoint = self, checkpoint
        self.objectives, self.reads_stages, self.n_items = ["click"], False, 9
        self.n_rankings = 1
        self.config = {"MAX_ITEM_LIST_LENGTH": 50, "request_lag": 1}
        self.log_times = LogTimes(0.0, 9.0, "s")  # steps
        self.batches: List[List[Query]] = []
        self.observes, self.n_shown = False, 3
        self.observed: List[Tuple[Query, Outcome]] = []
        self.may_go = threading.Event()
        self.may_go.set()

    @property
    def needs(self) -> Needs:
        """What it reads in a ranking."""
        return Needs(self.objectives, self.reads_stages, self.n_rankings)

    def answer(self, queries: Sequence[Query]) -> List[Answer]:
        """Answer in the order of the queries, once the event is set."""
        self.batches.append(list(queries))
        assert self.may_go.wait(20)
        return [self._answer(query) for query in queries]

    def observe(self, queries: Sequence[Query], outcomes: Sequence[Outcome]) -> None:
        """Write down what came of queries."""
        self.observed.extend(zip(queries, outcomes))

    def _answer(self, query: Query) -> Answer:
        items = list(query.ranking.items if query.ranking else ()) + list(query.history)
        known = [item for item in items if item != "new" and item not in query.deny]
        if query.allow is not None:
            known = [item for item in known if item in query.allow]
        scores = [1.0 - 0.1 * place for place in range(len(known))]
        n_known = sum(item != "new" for item in query.history)
        return Answer(known[: query.k], scores[: query.k], len(items) - len(known), n_known)


class World:
    """A service, its parts and its application; no request waits too long, however slow it is."""

    def __init__(self, rules: Optional[Rules] = None, **bounds: Any) -> None:
        self.recommender = Echo()
        self.rankings, self.histories, self.metrics = MemoryStore(), MemoryHistories(), Metrics()
        recommender: Any = self.recommender
        self.service = Service(
            recommender,
            self.rankings,
            self.histories,
            self.metrics,
            Bounds(**{"budget": 60.0, **bounds}),
        )
        self.app: Guard = make_app(self.service, self.metrics, rules or Rules())

    def post(self, path: str, **sent: Any) -> httpx.Response:
        """Send one request and wait for the response."""
        return self.send(("POST", path, sent))[0]

    def get(self, path: str, **sent: Any) -> httpx.Response:
        """Send one request and wait for the response."""
        return self.send(("GET", path, sent))[0]

    def send(
        self,
        *requests: "tuple[str, str, Any]",
        meanwhile: Optional[Callable[[], Awaitable[None]]] = None,
        between: float = 0.0,
    ) -> List[httpx.Response]:
        """Send requests at the same time, or so many seconds apart, and do something then."""

        async def run() -> List[httpx.Response]:
            transport = httpx.ASGITransport(app=self.app)  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                asked = []
                for method, path, sent in requests:
                    asked.append(asyncio.ensure_future(client.request(method, path, **sent)))
                    if between:
                        await asyncio.sleep(between)
                if meanwhile is not None:
                    await meanwhile()
                return list(await asyncio.gather(*asked))

        return asyncio.run(run())
