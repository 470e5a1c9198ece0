"""Which origins browsers may call from: Starlette's middleware, whose refusals are made problems like all others."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from backend.api.problems import error_response
from backend.errors import TanoshiError


class PreflightRefused(TanoshiError):
    status = 400
    code = "preflight_refused"
    title = "Calls from this origin, or of this form, are not allowed to browsers; CORS_ORIGINS names the origins that are"


class Cors(CORSMiddleware):
    def preflight_response(self, request_headers: Headers) -> Response:
        reply = super().preflight_response(request_headers)
        if reply.status_code >= 400:
            refusal = error_response("", PreflightRefused())
            refusal.headers.update({name: value for name, value in reply.headers.items() if name.startswith(("access-", "vary"))})
            return refusal
        reply.headers["X-Content-Type-Options"] = "nosniff"
        return reply
