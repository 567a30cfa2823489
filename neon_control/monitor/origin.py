"""Who may talk to the page's server: the page itself, from this computer, or with the token from anywhere.

A browser lets every web page open a WebSocket to any address, this computer's own included; only the server can tell by the `Origin`
header who asks. viser does not look at it, and whoever is connected can press the buttons. So a foreign origin is refused here, and so is
a host name that was not given, by which a page from elsewhere could pass for this computer's (DNS rebinding): the page answers to the
address that it was reached at, and to names that its user lists. On anything but loopback, others than the user reach the page: there it
needs the token that was printed at the start, once in the address, then as a cookie.
"""

from __future__ import annotations

import contextlib
import hmac
import ipaddress
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from types import MappingProxyType
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import websockets.asyncio.server

COOKIE = "neon_control_{port}"  # cookies of all ports of a host are one set


class PageGuard:
    """What the server asks of a request.

    Attributes:
        token: what a request has to show; empty where the page is served on loopback.

    Args:
        served_on: the address that the server listens on.
        names: of this computer, by which the page may be asked for.
    """

    def __init__(self, served_on: str, names: Sequence[str] = ()) -> None:
        self._names = {name.lower() for name in names}
        self.token = "" if _is_loopback(served_on) else secrets.token_urlsafe(16)

    def is_own(self, headers: Mapping[str, str], reached_at: str) -> bool:
        """Whether a request that reached us at this address comes from the page, or from no web page at all, as its headers say."""
        host, origin = headers.get("Host", ""), headers.get("Origin")
        try:
            name, own = urlsplit(f"//{host}").hostname or "", origin is None or urlsplit(origin).netloc == host
        except ValueError:  # no address
            return False
        by_address = _address(name) is not None and _address(name) == _address(reached_at)
        return own and (name in self._names or by_address or (_is_loopback(name) and _is_loopback(reached_at)))

    def shown(self, path: str, headers: Mapping[str, str], port: int) -> tuple[bool, bool]:
        """Whether a request shows the token in its address, and whether as a cookie."""
        given = parse_qs(urlsplit(path).query).get("token", [""])[0]
        try:
            cookie = SimpleCookie(headers.get("Cookie", "")).get(COOKIE.format(port=port))
        except CookieError:
            cookie = None
        return tuple(hmac.compare_digest(text.encode(), self.token.encode()) for text in (given, cookie.value if cookie else ""))  # type: ignore[return-value]

    def answer(self, connection: Any, request: Any) -> Any:
        """The response that ends a request; None lets it in."""
        address, port = connection.local_address[:2]
        if not self.is_own(request.headers, address):
            return connection.respond(403, "this page belongs to another address; --name lets it answer to a name\n")
        if not self.token:
            return None
        in_address, in_cookie = self.shown(request.path, request.headers, port)
        if in_cookie or (in_address and "Upgrade" in request.headers):
            return None
        if not in_address:
            return connection.respond(403, "this page needs the token that was printed where it was started\n")
        response = connection.respond(303, "")
        response.headers["Location"] = "/"  # without the token, which would stand in the browser's history
        response.headers["Set-Cookie"] = f"{COOKIE.format(port=port)}={self.token}; HttpOnly; SameSite=Strict; Path=/"
        return response


@dataclass(frozen=True)
class Place:
    """Something of ours on the page's server, beside what viser serves, in the same origin."""

    page: str  # HTML
    talk: Callable[[Any], Awaitable[None]]  # with whoever opened a WebSocket there, until one of the two ends it

    def answer(self, connection: Any, request: Any) -> Any:
        """The response to a request that was let in; None where it wants to talk."""
        if "Upgrade" in request.headers:
            return None
        response = connection.respond(200, self.page)
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = "text/html; charset=utf-8"
        return response


@contextlib.contextmanager
def guarded_by(guard: PageGuard, places: Mapping[str, Place] = MappingProxyType({})) -> Iterator[None]:
    """Servers that websockets starts meanwhile ask the guard first. `places`: by their paths, such as /hand."""
    serve = websockets.asyncio.server.serve

    def guarded(handler: Any, *args: Any, process_request: Any = None, **options: Any) -> Any:
        def place(request: Any) -> Place | None:
            return places.get(urlsplit(request.path).path)

        def check(connection: Any, request: Any) -> Any:
            refusal, ours = guard.answer(connection, request), place(request)
            if refusal is not None or (ours is None and process_request is None):
                return refusal
            return process_request(connection, request) if ours is None else ours.answer(connection, request)

        async def handle(connection: Any) -> None:
            ours = place(connection.request)
            await (handler if ours is None else ours.talk)(connection)

        return serve(handle, *args, process_request=check, **options)

    with patch.object(websockets.asyncio.server, "serve", guarded):
        yield


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """A numerical address; one of IPv4 that came as IPv6 as what it is."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_loopback(text: str) -> bool:
    address = _address(text)
    return text.lower() == "localhost" or (address is not None and address.is_loopback)
