"""The endpoints that read a body, without what FastAPI does between a request and its endpoint.

FastAPI checks, resolves and wraps for every request what can be looked up once. Its application
stays what describes the endpoints, and answers everything else. A request's body comes in one
message here, as `Guard` hands it on.
"""

import inspect
from typing import Any, Awaitable, Callable, Dict, List, NamedTuple, Optional, Tuple, Type
from urllib.parse import parse_qs

from fastapi import FastAPI, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from recbole_poem.core.errors import InputError
from recbole_poem.serving import json_text
from recbole_poem.serving.web.guard import Message, Receive, Send


class _Endpoint(NamedTuple):
    """What answers a path.

    Attributes
    ----------
    schema : subclass of BaseModel
        Of the body.
    answer : async function
        From such a body to the response.
    """

    schema: Type[BaseModel]
    answer: Callable[[Any], Awaitable[Response]]


class Direct:
    """Calls the endpoints of an application that read a body and nothing else; an ASGI application.

    Parameters
    ----------
    app : FastAPI
    refuse : function
        From an exception to the response that says so, or to None where there is none to say.
    """

    def __init__(self, app: FastAPI, refuse: Callable[[Exception], Optional[Response]]) -> None:
        self._app, self._refuse = app, refuse
        self._endpoints: Dict[Tuple[str, str], _Endpoint] = {}
        for route in app.routes:
            if isinstance(route, APIRoute) and route.methods == {"POST"}:
                (body,) = inspect.signature(route.endpoint).parameters.values()
                self._endpoints["POST", route.path] = _Endpoint(body.annotation, route.endpoint)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection's request."""
        endpoint = self._endpoints.get((scope.get("method", ""), scope.get("path", "")))
        if endpoint is None or not is_json(scope["headers"]):
            await self._app(scope, receive, send)
            return
        try:
            asked = parse_qs(scope.get("query_string", b"").decode("latin-1"), True)
            misplaced = [name for name in asked if name in endpoint.schema.model_fields]
            if misplaced:
                raise InputError(f"{misplaced[0]}: put it into the body; behind '?' it is not read")
            content = (await receive())["body"]
            body = endpoint.schema.model_validate_json(content)
            json_text.parse(content.decode())  # of a key that is there twice a schema sees the last
            response = await endpoint.answer(body)
        except Exception as error:
            refusal = self._refuse(error)
            if refusal is None:
                raise
            response = refusal
        await response(scope, receive, send)


def is_json(headers: List[Tuple[bytes, bytes]]) -> bool:
    """Tell whether the headers of a request say that its body is JSON."""
    kinds = [value.split(b";")[0].strip() for name, value in headers if name == b"content-type"]
    return any(
        kind == b"application/json"
        or (kind.startswith(b"application/") and kind.endswith(b"+json"))
        for kind in kinds
    )


def mistakes(error: ValidationError) -> List[Dict[str, Any]]:
    """Say what is wrong with a body, as FastAPI does but without repeating it."""
    return [
        {"loc": ["body", *one["loc"]], "msg": one["msg"], "type": one["type"]}
        for one in error.errors(include_url=False, include_context=False, include_input=False)
    ]
