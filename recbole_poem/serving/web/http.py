"""The service over HTTP.

======================  ============================================================================
``POST /recommend``     a list for a user
``POST /rankings``      what the ranking stage scored, which the user's next request reads
``POST /feedback``      what a user has dealt with, which becomes part of the history
``GET /health``         what answers, since when
``GET /metrics``        counters, as Prometheus reads them
``GET /docs``           a page that describes these; ``/openapi.json`` does so for programs
======================  ============================================================================
"""

import asyncio
from datetime import datetime, timezone
from typing import Any, Callable, Dict, Optional, TypeVar, Union

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import ValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException

from recbole_poem import __version__
from recbole_poem.core.errors import InputError
from recbole_poem.serving.history import History, checked_times
from recbole_poem.serving.query import Outcome, Query
from recbole_poem.serving.ranking import Ranking
from recbole_poem.serving.web import schemas
from recbole_poem.serving.web.batching import OverloadedError
from recbole_poem.serving.web.direct import Direct, is_json, mistakes
from recbole_poem.serving.web.guard import Guard, Rules
from recbole_poem.serving.web.metrics import Metrics
from recbole_poem.serving.web.page import CONTENT_SECURITY_POLICY, page_of
from recbole_poem.serving.web.service import Question, Service

_REFUSALS: Dict[Union[int, str], Dict[str, Any]] = {
    code: {"model": schemas.Problem, "description": words}
    for code, words in (
        (400, "the body cannot be read"),
        (401, "the bearer token is missing or wrong"),
        (408, "the body did not arrive in time"),
        (413, "the body is too large"),
        (429, "too many requests"),
        (503, "too busy to answer in time"),
    )
}


Result = TypeVar("Result")


class JSONLine(JSONResponse):
    """JSON that ends its line, as a terminal likes it."""

    def render(self, content: Any) -> bytes:
        """Return the body."""
        return super().render(content) + b"\n"


def make_app(service: Service, metrics: Metrics, rules: Rules) -> Guard:
    """Return the ASGI application of a service."""
    app = FastAPI(
        title="recbole_poem",
        version=__version__,
        description="Recommendations from raw histories and from what the ranking stage scored at "
        "the previous request.",
        responses=_REFUSALS,
        default_response_class=JSONLine,
        # FastAPI's pages load scripts from the net; `_add_description` has one that does not
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # /metrics counts; FastAPI's own telemetry would look for somebody to tell at each request
        telemetry={"tracing": False, "metrics": False},
    )
    _add_errors(app)
    _add_endpoints(app, service, metrics)
    _add_description(app)
    paths = frozenset(app.openapi()["paths"])
    return Guard(Direct(app, _refusal), rules, metrics, paths)


def _add_errors(app: FastAPI) -> None:
    """Say what is wrong with a request that FastAPI itself reads, without repeating it."""

    @app.exception_handler(InputError)
    @app.exception_handler(OverloadedError)
    async def refused(request: Request, error: Exception) -> Optional[Response]:
        return _refusal(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        wrong = [{key: one[key] for key in ("loc", "msg", "type")} for one in error.errors()]
        if request.method == "POST" and not is_json(request.headers.raw):
            for one in wrong:
                one["msg"] += "; send Content-Type: application/json"
        return JSONLine({"detail": wrong}, 422)

    @app.exception_handler(HTTPException)
    async def elsewhere(request: Request, error: HTTPException) -> JSONResponse:
        return JSONLine({"detail": error.detail}, error.status_code, error.headers)


def _refusal(error: Exception) -> Optional[Response]:
    """Return what an endpoint that cannot answer says; None for a defect."""
    if isinstance(error, ValidationError):
        return JSONLine({"detail": mistakes(error)}, 422)
    if isinstance(error, InputError):
        detail = [{"loc": ["body"], "msg": str(error), "type": "value_error"}]
        return JSONLine({"detail": detail}, 422)
    if isinstance(error, OverloadedError):
        return JSONLine({"detail": str(error)}, 503, {"Retry-After": "1"})
    return None


def _add_endpoints(app: FastAPI, service: Service, metrics: Metrics) -> None:
    @app.post("/recommend", response_model=schemas.RecommendResponse)
    async def recommend(body: schemas.RecommendRequest) -> Response:
        """Recommend items to a user."""
        if body.history is None and body.history_times is not None:
            raise InputError("history_times: they need 'history', the items that they are of")
        service.require_read(1 + len(body.older))
        service.require_times("history_times", body.history_times)
        history = body.history or ()
        query = Query(
            history=history,
            times=checked_times("history_times", body.history_times, len(history)),
            ranking=None if body.ranking is None else _ranking(body.ranking, service),
            k=body.k,
            filter_seen=body.filter_seen,
            allow=body.allow,
            deny=body.deny,
            older=[None if each is None else _ranking(each, service) for each in body.older],
        )
        reply = await service.ask(Question(query, body.user, body.history is None))
        pairs = zip(reply.answer.items, reply.answer.scores)
        return _said(
            items=[{"item": item, "score": score} for item, score in pairs],
            cache=reply.cache,
            history_length=reply.answer.n_known,
            unknown_items=reply.answer.n_unknown,
        )

    @app.post("/rankings", response_model=schemas.Kept)
    async def rankings(body: schemas.RankingOfUser) -> Response:
        """Keep what the ranking stage scored at a user's request, for those that come next."""
        ranking = _ranking(body, service)
        return _said(kept=await _aside(service.keep_ranking, body.user, ranking))

    @app.post("/feedback", response_model=schemas.KeptFeedback)
    async def feedback(body: schemas.Feedback) -> Response:
        """Add what a user has dealt with to the history, and let re-rankers learn from it."""
        service.require_times("times", body.times)
        new = History(body.items, checked_times("times", body.times, len(body.items)))
        observed = await service.observe(body.user, Outcome(body.items, body.shown))
        kept = await _aside(service.keep_feedback, body.user, new)
        return _said(kept=kept, observed=observed)

    @app.get("/health")
    async def health() -> schemas.Health:
        """Say what answers."""
        recommender = service.recommender
        since = datetime.fromtimestamp(service.since, timezone.utc)
        return schemas.Health(
            status="ok",
            model=type(recommender.model).__name__,
            checkpoint=recommender.checkpoint,
            since=since.isoformat(timespec="seconds"),
            n_items=recommender.n_items,
            objectives=recommender.objectives,
            stages=recommender.needs.stages,
            n_rankings=recommender.needs.n_rankings,
        )

    @app.get("/metrics", response_class=Response)
    async def count() -> Response:
        """Return the counters."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")


def _add_description(app: FastAPI) -> None:
    description = app.openapi()
    page = page_of(description)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(page, headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> JSONResponse:
        return JSONLine(description)


def _said(**content: Any) -> Response:
    """Return a response; the schemas are what it is made to look like, and are not asked again."""
    return Response(to_json(content) + b"\n", media_type="application/json")


async def _aside(keep: Callable[..., Result], *arguments: Any) -> Result:
    """Write to a store in a thread, while other requests are answered."""
    return await asyncio.get_running_loop().run_in_executor(None, keep, *arguments)


def _ranking(body: schemas.Ranking, service: Service) -> Ranking:
    """Return what a body says, as a ranking that the model can read.

    Raises
    ------
    InputError
        If its parts do not fit each other, or what the model reads is missing.
    """
    ranking = Ranking.of(body.items, body.objectives, body.scores, body.stages)
    service.require_all(ranking)
    return ranking
