"""Only the page itself may talk to its server.

A browser lets every web page open a WebSocket to any address, this computer's own included; only the server can tell by the `Origin`
header who asks. viser does not look at it, and whoever is connected can press the buttons. So a foreign origin is refused here, and on
loopback also a foreign host name, by which a page from elsewhere could pass for this computer's (DNS rebinding).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import websockets.asyncio.server

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def is_own(headers: Mapping[str, str], served_on: str) -> bool:
    """Whether a request to a server that listens on `served_on` comes from its page, or from no web page at all, as its headers say."""
    host, origin = headers.get("Host", ""), headers.get("Origin")
    if served_on in LOOPBACK and urlsplit(f"//{host}").hostname not in LOOPBACK:
        return False
    return origin is None or urlsplit(origin).netloc == host


@contextlib.contextmanager
def refuse_foreign_pages(served_on: str) -> Iterator[None]:
    """Servers that websockets starts meanwhile answer 403 to requests that are not `is_own`."""
    serve = websockets.asyncio.server.serve

    def guarded(*args: Any, process_request: Any = None, **options: Any) -> Any:
        def check(connection: Any, request: Any) -> Any:
            if not is_own(request.headers, served_on):
                return connection.respond(403, "this page belongs to another address\n")
            return process_request(connection, request) if process_request is not None else None

        return serve(*args, process_request=check, **options)

    with patch.object(websockets.asyncio.server, "serve", guarded):
        yield
