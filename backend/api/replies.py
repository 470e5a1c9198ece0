"""What the OpenAPI document says of replies. Errors are documented from their classes, so that the document cannot say other codes.

A route names the errors that are its own; `document` adds those that every route of its kind can answer with.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from backend.api import examples
from backend.api.guard import BodyTooLarge, CodedBody, TooSlow
from backend.api.problems import MEDIA_TYPE, InvalidJson, problem_body
from backend.contract import Problem
from backend.errors import InvalidRequest, NotFound, TanoshiError, Unavailable

Replies = dict[int | str, dict[str, Any]]

_SCHEMAS: Final = "#/components/schemas/"
_HEADERS: Final = {
    "Retry-After": ("integer", "Seconds after which to try again."),
    "RateLimit-Limit": ("integer", "Calls in one window of time; with too_many_requests."),
    "RateLimit-Remaining": ("integer", "Calls that are left; with too_many_requests."),
    "RateLimit-Reset": ("integer", "Seconds until calls are left; with too_many_requests."),
    "WWW-Authenticate": ("string", "Bearer."),
    "Content-Range": ("string", "The length of the whole: bytes */LENGTH."),
}
_BY_STATUS: Final = {
    401: ("WWW-Authenticate",),
    416: ("Content-Range",),
    429: ("Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"),
    503: ("Retry-After",),
}
_SECURITY: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "One of API_KEYS; an installation without keys asks for none."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key in a header of its own."},
}
_ABOUT: Final = (
    "Every error is a problem document (RFC 9457) with a stable `code`. HEAD is answered wherever GET is. Job URLs need no key: "
    "a job's id is the credential. WARP.md describes the events and the order of calls."
)


def problems(*errors: type[TanoshiError]) -> Replies:
    """The entries of `responses=` for these errors, one for each status, with an example for each code."""
    found: Replies = {}
    for error in errors:
        reply = found.setdefault(
            error.status, {"description": "", "content": {MEDIA_TYPE: {"schema": _problem_schema(), "examples": {}}}}
        )
        reply["content"][MEDIA_TYPE]["examples"][error.code] = {
            "value": problem_body(
                "/where/it/happened", status=error.status, code=error.code, title=error.title, detail=error.title
            )
        }
        reply["description"] = ". ".join(filter(None, (reply["description"], error.title)))
        if names := _BY_STATUS.get(error.status):
            reply["headers"] = {name: {"schema": {"type": _HEADERS[name][0]}, "description": _HEADERS[name][1]} for name in names}
    return found


def bytes_reply(description: str, *media_types: str) -> dict[str, Any]:
    """A reply whose body is a file."""
    content: dict[str, Any] = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in media_types}
    for kind in content.keys() & examples.OF_FILES.keys():
        content[kind]["example"] = examples.OF_FILES[kind]
    return {"description": description, "content": content}


def stream_reply(description: str, example: str) -> dict[str, Any]:
    """A reply of server-sent events. OpenAPI 3.1 has no schema for what comes piece by piece."""
    return {"description": description, "content": {"text/event-stream": {"example": example}}}


def bytes_body(description: str, media_types: Iterable[str]) -> dict[str, Any]:
    """`openapi_extra=` of a route that takes an upload as its whole body."""
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in media_types}
    return {"requestBody": {"required": True, "description": description, "content": content}}


def install_document(app: FastAPI) -> None:
    """Makes `app.openapi()` the document with the replies all routes have in common."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(title=app.title, version=app.version, summary=app.summary, description=_ABOUT, routes=app.routes)
            _complete(found)
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _complete(document: dict[str, Any]) -> None:
    components = document["components"]
    for stock in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(stock, None)
    components["schemas"]["Problem"] = Problem.model_json_schema(ref_template=_SCHEMAS + "{model}")
    components["securitySchemes"] = _SECURITY
    for name, example in examples.OF_MODELS.items():
        components["schemas"][name]["example"] = example
    for path, operations in document["paths"].items():
        for operation in operations.values():
            own = operation["responses"]
            if _SCHEMAS + "HTTPValidationError" in str(own.get("422")):
                del own["422"]
            for status, reply in problems(*_common(path, operation)).items():
                own.setdefault(str(status), reply)
            operation["responses"] = dict(sorted(own.items()))
            if "401" in own:
                operation["security"] = [{name: []} for name in _SECURITY] + [{}]


def _common(path: str, operation: dict[str, Any]) -> list[type[TanoshiError]]:
    """Errors an operation can answer with because of what it takes."""
    found: list[type[TanoshiError]] = []
    places = {parameter["in"] for parameter in operation.get("parameters", ())}
    if "path" in places:
        found.append(NotFound)
    if "requestBody" in operation:
        found += [TooSlow, CodedBody]
        if "application/json" in operation["requestBody"]["content"]:
            found += [InvalidJson, BodyTooLarge, InvalidRequest]
    if places & {"query", "header"}:
        found.append(InvalidRequest)
    if path != "/healthz":
        found.append(Unavailable)
    return found


def _problem_schema() -> dict[str, str]:
    return {"$ref": _SCHEMAS + "Problem"}
