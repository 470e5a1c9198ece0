"""Errors as application/problem+json (RFC 9457): the one place where an exception becomes a reply.

No reply repeats what the client sent: the stock handler of FastAPI echoes the input and fails with 500 on NaN or a lone surrogate.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match

from backend.errors import BadPathParameter, InvalidRequest, NotFound, TanoshiError

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_METHODS = ("GET", "PUT", "POST", "PATCH", "DELETE")


class InvalidJson(InvalidRequest):
    status = 400
    code = "invalid_json"
    title = "The body is not valid JSON"


class MethodNotAllowed(TanoshiError):
    """`methods` are those the address takes."""

    status = 405
    code = "method_not_allowed"
    title = "This address does not take that method"

    def __init__(self, methods: Sequence[str] = ()) -> None:
        super().__init__(f"This address takes {', '.join(methods)}, not the method of this request." if methods else None)
        self.methods = methods

    def headers(self) -> dict[str, str]:
        return {"Allow": ", ".join(self.methods)}


def problem_response(
    instance: str,
    *,
    status: int,
    code: str,
    title: str,
    detail: str,
    errors: tuple[tuple[str, str], ...] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    """One problem document as a reply; `instance` is the path of the request."""
    body = problem_body(instance, status=status, code=code, title=title, detail=detail, errors=errors)
    return Response(json.dumps(body), status, {**_HEADERS, **(headers or {})}, media_type=MEDIA_TYPE)


def problem_body(
    instance: str, *, status: int, code: str, title: str, detail: str, errors: tuple[tuple[str, str], ...] = ()
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "instance": instance,
    }
    if errors:
        body["errors"] = [{"pointer": pointer, "detail": reason} for pointer, reason in errors]
    return body


def error_response(path: str, error: TanoshiError) -> Response:
    """A TanoshiError as its problem."""
    return problem_response(
        path,
        status=error.status,
        code=error.code,
        title=error.title,
        detail=error.detail,
        errors=error.errors if isinstance(error, InvalidRequest) else (),
        headers=error.headers(),
    )


def install_problem_handlers(app: FastAPI) -> None:
    """Makes every error of `app` a problem document."""

    @app.exception_handler(TanoshiError)
    async def _ours(request: Request, error: TanoshiError) -> Response:
        if error.status >= 500:
            logger.warning("%s %s: %s", request.method, request.url.path, error)
        return error_response(_path(request), error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        found = error.errors()
        if any(problem["type"] == "json_invalid" for problem in found):
            return error_response(_path(request), InvalidJson())
        if all(problem["loc"][0] == "path" for problem in found):
            return error_response(_path(request), BadPathParameter("A part of the path cannot name anything here."))
        wrong: dict[str, list[str]] = {}
        for problem in found:
            wrong.setdefault(pointer(_within(problem, error.body)), []).append(_sentence(problem))
        pointers = tuple((place, ", or ".join(dict.fromkeys(sentences))) for place, sentences in wrong.items())
        return error_response(
            _path(request), InvalidRequest("The request does not have the form this call takes; see errors.", pointers)
        )

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        if error.status_code == HTTPStatus.BAD_REQUEST:  # the framework's, for JSON too deep or in no encoding it knows
            return error_response(_path(request), InvalidJson())
        if error.status_code == HTTPStatus.NOT_FOUND:
            return error_response(_path(request), NotFound())
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return error_response(_path(request), MethodNotAllowed(_allowed(request)))
        logger.error("The framework answers %d here, which no code stands for", error.status_code)
        return error_response(_path(request), TanoshiError())

    @app.exception_handler(ClientDisconnect)
    async def _gone(request: Request, _: ClientDisconnect) -> Response:
        logger.info("%s %s: the client left before its body had come.", request.method, request.url.path)
        return Response(status_code=400)  # nobody is there to read it

    @app.exception_handler(Exception)
    async def _unforeseen(request: Request, error: Exception) -> Response:
        logger.exception("%s %s failed", request.method, request.url.path, exc_info=error)
        return error_response(_path(request), TanoshiError("The service has made a mistake; it is logged."))


def _path(request: Request) -> str:
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode("utf-8", "replace")
    return raw.decode("ascii", "replace").partition("?")[0]


def _sentence(problem: dict[str, Any]) -> str:
    """What is wrong, in the wire's words where pydantic speaks of Python's."""
    if problem["type"] in ("model_attributes_type", "dict_type", "model_type"):
        return "must be a JSON object" + (", sent with Content-Type: application/json" if problem["loc"] == ("body",) else "")
    message: str = problem["msg"]
    return message.removeprefix("Value error, ")


def _allowed(request: Request) -> list[str]:
    """The methods of an address, which may stand in several routes; HEAD is answered wherever GET is (`guard.py`)."""
    scope = request.scope

    def takes(method: str) -> bool:
        return any(route.matches({**scope, "method": method})[0] is Match.FULL for route in request.app.routes)

    methods = [method for method in _METHODS if takes(method)]
    return ["GET", "HEAD", *methods[1:]] if methods[:1] == ["GET"] else methods


def _within(problem: dict[str, Any], body: Any) -> tuple[int | str, ...]:
    """Where in the request it is: pydantic's places also name the branches of its own schema, which nobody sent."""
    loc: tuple[int | str, ...] = problem["loc"]
    if loc[0] != "body":
        return loc[1:]
    found: list[int | str] = []
    for place, part in enumerate(loc[1:], 1):
        inside = (isinstance(body, dict) and part in body) or (
            isinstance(body, list) and isinstance(part, int) and part < len(body)
        )
        missing = problem["type"] == "missing" and place == len(loc) - 1
        if inside or missing:
            found.append(part)
        if inside:
            body = body[part]
    return tuple(found)


def pointer(parts: Iterable[int | str]) -> str:
    """A JSON pointer (RFC 6901). Keys the client chose are cut and made ASCII: they may be anything."""
    plain = [str(part).encode("ascii", "backslashreplace").decode()[:80] for part in parts]
    return "/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in plain)
