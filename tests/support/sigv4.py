"""Checks AWS Signature Version 4 the way S3 does, for requests with an Authorization header and for presigned URLs.

Written from the published description of the algorithm ("Authenticating Requests", Amazon S3 API Reference). Chunked payload
signatures (STREAMING-...) and form policies are not checked: nothing here sends them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final
from urllib.parse import parse_qsl, quote, unquote

LONGEST_LIFE_S: Final = 7 * 24 * 3600
LARGEST_SKEW: Final = timedelta(minutes=15)
UNSIGNED: Final = "UNSIGNED-PAYLOAD"


class Denied(Exception):
    """The request is refused with S3's error code and HTTP status."""

    def __init__(self, code: str, message: str, status: str = "403 Forbidden") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True)
class Received:
    """A request as it arrived: `path` and `query` still encoded, header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class _Claim:
    """What the request says of its signature."""

    credential: str
    signed_headers: tuple[str, ...]
    signature: str
    signed_at: str
    payload_hash: str
    query: tuple[tuple[str, str], ...]


def check(request: Received, secrets: Mapping[str, str], now: datetime) -> None:
    """Raises Denied unless the request is signed by one of `secrets` (access key id -> secret key) and intact."""
    query = parse_qsl(request.query, keep_blank_values=True)
    if any(name == "X-Amz-Signature" for name, _ in query):
        claim = _presigned(query, now)
    elif request.headers.get("authorization", "").startswith("AWS4-HMAC-SHA256"):
        claim = _in_header(request, query, now)
    else:
        raise Denied("AccessDenied", "Access Denied")
    _check_signature(request, claim, secrets)
    if re.fullmatch("[0-9a-f]{64}", claim.payload_hash) and hashlib.sha256(request.body).hexdigest() != claim.payload_hash:
        raise Denied("XAmzContentSHA256Mismatch", "The body is not what was signed", "400 Bad Request")
    _check_digests(request)


def _presigned(query: list[tuple[str, str]], now: datetime) -> _Claim:
    given = dict(query)
    signed_at, life_s = given.get("X-Amz-Date", ""), int(given.get("X-Amz-Expires", "0"))
    if not 0 < life_s <= LONGEST_LIFE_S:
        raise Denied("AuthorizationQueryParametersError", "X-Amz-Expires is out of range", "400 Bad Request")
    if now > _time(signed_at) + timedelta(seconds=life_s):
        raise Denied("AccessDenied", "Request has expired")
    return _Claim(
        credential=given.get("X-Amz-Credential", ""),
        signed_headers=tuple(given.get("X-Amz-SignedHeaders", "").split(";")),
        signature=given["X-Amz-Signature"],
        signed_at=signed_at,
        payload_hash=UNSIGNED,
        query=tuple((name, value) for name, value in query if name != "X-Amz-Signature"),
    )


def _in_header(request: Received, query: list[tuple[str, str]], now: datetime) -> _Claim:
    fields = dict(re.findall(r"(\w+)=([^,\s]+)", request.headers["authorization"]))
    signed_at = request.headers.get("x-amz-date", "")
    if abs(now - _time(signed_at)) > LARGEST_SKEW:
        raise Denied("RequestTimeTooSkewed", "The clocks differ too much")
    return _Claim(
        credential=fields.get("Credential", ""),
        signed_headers=tuple(fields.get("SignedHeaders", "").split(";")),
        signature=fields.get("Signature", ""),
        signed_at=signed_at,
        payload_hash=request.headers.get("x-amz-content-sha256", ""),
        query=tuple(query),
    )


def _time(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)  # noqa: UP017
    except ValueError:
        raise Denied("AuthorizationQueryParametersError", "X-Amz-Date is not a date", "400 Bad Request") from None


def _check_signature(request: Received, claim: _Claim, secrets: Mapping[str, str]) -> None:
    scope = claim.credential.rsplit("/", 4)
    if len(scope) != 5 or scope[4] != "aws4_request":
        raise Denied("AuthorizationQueryParametersError", "The credential is malformed", "400 Bad Request")
    access_key, date, region, service, _ = scope
    if access_key not in secrets:
        raise Denied("InvalidAccessKeyId", "The access key does not exist")
    if "host" not in claim.signed_headers:
        raise Denied("AccessDenied", "The host must be signed")
    if unsigned := [name for name in request.headers if name.startswith("x-amz-") and name not in claim.signed_headers]:
        raise Denied("AccessDenied", f"Headers were not signed: {', '.join(unsigned)}")
    to_sign = "\n".join(
        [
            "AWS4-HMAC-SHA256",
            claim.signed_at,
            f"{date}/{region}/{service}/aws4_request",
            hashlib.sha256(_canonical(request, claim).encode()).hexdigest(),
        ]
    )
    key = f"AWS4{secrets[access_key]}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    if not hmac.compare_digest(hmac.digest(key, to_sign.encode(), "sha256").hex(), claim.signature):
        raise Denied("SignatureDoesNotMatch", "The signature is not the one we calculate")


def _canonical(request: Received, claim: _Claim) -> str:
    query = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in claim.query)
    headers = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in claim.signed_headers)
    return "\n".join(
        [
            request.method,
            quote(unquote(request.path), safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in query),
            headers,
            ";".join(claim.signed_headers),
            claim.payload_hash,
        ]
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


_DIGESTS: Final[Mapping[str, Callable[[bytes], str]]] = {
    "content-md5": lambda body: _base64(hashlib.md5(body).digest()),
    "x-amz-checksum-sha256": lambda body: _base64(hashlib.sha256(body).digest()),
    "x-amz-checksum-crc32": lambda body: _base64(zlib.crc32(body).to_bytes(4, "big")),
}


def _check_digests(request: Received) -> None:
    for name, digest in _DIGESTS.items():
        if request.method == "PUT" and name in request.headers and digest(request.body) != request.headers[name]:
            raise Denied("BadDigest", f"{name} does not match the body", "400 Bad Request")
