"""Who calls: the API key or the address. And under which address this service was called.

The trap: uvicorn's own proxy handling believes X-Forwarded-For from 127.0.0.1 by default, which lets a caller choose the address its
rate limit counts against. It leaves a mark, the client port 0; then the true peer was a local one, and only TRUSTED_PROXIES decides.
"""

from __future__ import annotations

import hmac
import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.types import Scope

from backend.api.services import ServicesIn
from backend.errors import InvalidRequest, Unauthorized
from backend.settings import Settings
from backend.voices.owners import identity, identity_of_key

_HOST: Final = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
"""A host name or an IP address in its URL form, and perhaps a port."""
_LOOPBACK: Final = "127.0.0.1"


def client_address(request: Request, settings: Settings) -> str:
    """The caller's address; X-Forwarded-For counts from the right, as far as TRUSTED_PROXIES goes."""
    host, port = (request.client.host, request.client.port) if request.client else (_LOOPBACK, 0)
    peer = _LOOPBACK if port == 0 else host
    if not _trusted(peer, settings):
        return peer
    # All lines of the header: some proxies add one of their own below the one that the caller wrote.
    hops = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    for hop in reversed([part.strip() for part in hops]):
        parsed = _parsed(hop)
        if parsed is None:
            break
        peer = str(parsed)
        if not _trusted(hop, settings):
            break
    return peer


def caller(scope: Scope, settings: Settings) -> str:
    """Where a request comes from, key or not: whose memory its body is counted as."""
    return network_of(client_address(Request(scope), settings))


@lru_cache(maxsize=1024)
def network_of(address: str) -> str:
    """An IPv4 address as it is; of an IPv6 address the /64 it is in: whoever has one has them all."""
    parsed = _parsed(address)
    return str(ip_network((parsed.packed, 64), strict=False)) if isinstance(parsed, IPv6Address) else str(parsed or address)


def _trusted(address: str, settings: Settings) -> bool:
    parsed = _parsed(address) if settings.trusted_proxies else None
    return parsed is not None and any(parsed in _network(network) for network in settings.trusted_proxies)


def _network(written: str) -> IPv4Network | IPv6Network:
    """As `_parsed`: ::ffff:192.0.2.0/120 is 192.0.2.0/24."""
    network = ip_network(written, strict=False)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    return ip_network((mapped, network.prefixlen - 96)) if mapped and network.prefixlen >= 96 else network


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    """None: no address, as of a Unix socket. Sockets for both kinds of addresses write those of IPv4 as ::ffff:192.0.2.1."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def presented_key(request: Request) -> str | None:
    """The API key of a request: `Authorization: Bearer KEY` or `X-API-Key: KEY`."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value:
        return value.strip()
    return request.headers.get("x-api-key")


async def client_identity(request: Request, services: ServicesIn) -> str:
    """Opaque identity of the caller, for limits and idempotency: API key, else address.

    Raises:
        Unauthorized: keys are required and none, or a wrong one, was given.
    """
    settings = services.settings
    if not settings.api_keys:
        return identity("address", client_address(request, settings))
    key = (presented_key(request) or "").encode("latin-1")  # the bytes that were sent
    # All keys are compared, in constant time each, so that the reply's time tells nothing about them.
    matches = [hmac.compare_digest(key, known.get_secret_value().encode()) for known in settings.api_keys]
    if not any(matches):
        raise Unauthorized("This call needs one of the service's API keys, as Authorization: Bearer KEY or X-API-Key.")
    return identity_of_key(key)


def limited_as(request: Request, settings: Settings, client: str) -> str:
    """Whom the rate limits count: the client, but of those without a key who come by IPv6 all of a network, which is one customer's."""
    return client if settings.api_keys else identity("address", network_of(client_address(request, settings)))


ClientIn = Annotated[str, Depends(client_identity)]


def public_base(request: Request, settings: Settings) -> str:
    """Scheme and host all absolute URLs of a reply begin with: API_BASE_URL, else what the request was sent to.

    Raises:
        InvalidRequest: the Host header cannot stand in a URL.
    """
    if settings.api_base_url:
        return settings.api_base_url
    host = request.headers.get("host") or request.url.netloc
    scheme = request.url.scheme
    peer = request.client.host if request.client else _LOOPBACK
    if _trusted(peer, settings):
        host = request.headers.get("x-forwarded-host", host).split(",")[0].strip()
        scheme = request.headers.get("x-forwarded-proto", scheme).split(",")[0].strip()
    if not _HOST.fullmatch(host) or scheme not in ("http", "https"):
        raise InvalidRequest("The Host header cannot stand in a URL; set API_BASE_URL or send a plain host name.")
    return f"{scheme}://{host}"
