"""A web page from elsewhere, open in the operator's browser, cannot reach the robot's buttons, nor can whoever is on the network."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import pytest
import viser
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from neon_control.monitor.origin import PageGuard, Place, guarded_by

PROTOCOLS = [f"viser-v{viser.__version__}"]


@contextmanager
def serving(address: str, places: Mapping[str, Place] = MappingProxyType({})) -> Iterator[tuple[PageGuard, int]]:
    guard = PageGuard(address, ["robot.lan"])
    with guarded_by(guard, places):
        server = viser.ViserServer(host=address, port=8400, verbose=False)
    try:
        yield guard, server.get_port()
    finally:
        server.stop()


def test_a_foreign_page_is_refused_and_the_own_one_is_let_in() -> None:
    with serving("127.0.0.1") as (_, port):
        url = f"ws://127.0.0.1:{port}"
        with pytest.raises(InvalidStatus, match="403"):
            connect(url, origin="http://evil.example", subprotocols=PROTOCOLS)  # type: ignore[arg-type]
        with connect(url, origin=f"http://127.0.0.1:{port}", subprotocols=PROTOCOLS) as own:  # type: ignore[arg-type]
            assert own.recv(10.0)


@pytest.mark.parametrize(
    ("host", "origin", "reached_at", "own"),
    [
        ("localhost:9000", "http://localhost:9000", "127.0.0.1", True),  # through ssh -L 9000
        ("127.0.0.1:8080", None, "127.0.0.1", True),  # curl
        ("127.0.0.1:8080", "http://127.0.0.1:3000", "127.0.0.1", False),  # another program's page
        ("[::1]:8080", "http://[::1]:8080", "::1", True),
        ("127.0.0.2:8080", "http://127.0.0.2:8080", "127.0.0.2", True),
        ("192.0.2.7:8080", "http://192.0.2.7:8080", "192.0.2.7", True),
        ("192.0.2.7:8080", "http://192.0.2.7:8080", "::ffff:192.0.2.7", True),  # it listens on ::
        ("192.0.2.7:8080", "http://192.0.2.7:8080", "192.0.2.8", False),
        ("robot.lan:8080", "http://robot.lan:8080", "192.0.2.7", True),  # a name that was given
        ("Robot.LAN:8080", "http://Robot.LAN:8080", "192.0.2.7", True),
        ("robot.lan:8080", "http://evil.example", "192.0.2.7", False),
        # Its name leads to this computer: the wound, where the page listened on anything but 127.0.0.1.
        *[("evil.example:8080", "http://evil.example:8080", at, False) for at in ("127.0.0.1", "127.0.0.2", "192.0.2.7", "::1")],
        ("localhost:8080", "http://localhost:8080", "192.0.2.7", False),
        ("[", "http://[", "192.0.2.7", False),
        ("", None, "192.0.2.7", False),
    ],
)
def test_origin_and_host_decide(host: str, origin: str | None, reached_at: str, own: bool) -> None:
    guard = PageGuard("0.0.0.0", ["robot.lan"])
    assert guard.is_own({"Host": host} | ({"Origin": origin} if origin else {}), reached_at) is own


def test_only_loopback_needs_no_token() -> None:
    assert not any(PageGuard(address).token for address in ("127.0.0.1", "127.0.0.2", "localhost", "::1"))
    assert all(PageGuard(address).token for address in ("0.0.0.0", "::", "192.0.2.7", "robot.lan"))
    assert PageGuard("0.0.0.0").token != PageGuard("0.0.0.0").token


def test_on_the_network_the_page_needs_its_token_once() -> None:
    with serving("0.0.0.0") as (guard, port):
        page, socket = f"http://127.0.0.1:{port}/", f"ws://127.0.0.1:{port}"
        for address in (page, f"{page}?token=wrong", f"{page}?token="):
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(address)
        with pytest.raises(InvalidStatus, match="403"):
            connect(socket, subprotocols=PROTOCOLS)  # type: ignore[arg-type]
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with browser.open(f"{page}?token={guard.token}") as answer:
            assert answer.url == page  # the token is not in the address any more
            assert b"<html" in answer.read().lower()
        with browser.open(page) as answer:
            assert answer.status == 200
        with connect(socket, additional_headers={"Cookie": f"neon_control_{port}={guard.token}"}, subprotocols=PROTOCOLS) as own:  # type: ignore[arg-type]
            assert own.recv(10.0)


def test_a_place_of_ours_is_guarded_as_the_page_is_and_viser_is_left_alone() -> None:
    async def echo(connection: Any) -> None:
        async for text in connection:
            await connection.send(f"{connection.request.path}: {text}")

    with serving("127.0.0.1", {"/hand": Place("<p>hand</p>", echo)}) as (_, port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/hand?client=3") as page:
            assert page.read() == b"<p>hand</p>" and page.headers.get_all("Content-Type") == ["text/html; charset=utf-8"]
        with pytest.raises(InvalidStatus, match="403"):
            connect(f"ws://127.0.0.1:{port}/hand", origin="http://evil.example")  # type: ignore[arg-type]
        with connect(f"ws://127.0.0.1:{port}/hand?client=3") as own:
            own.send("moin")
            assert own.recv(10.0) == "/hand?client=3: moin"
        with connect(f"ws://127.0.0.1:{port}", subprotocols=PROTOCOLS) as theirs:  # type: ignore[arg-type]
            assert theirs.recv(10.0)
