"""A web page from elsewhere, open in the operator's browser, cannot reach the robot's buttons."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import viser
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from neon_control.monitor.origin import is_own, refuse_foreign_pages


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with refuse_foreign_pages("127.0.0.1"):
        server = viser.ViserServer(host="127.0.0.1", port=8400, verbose=False)
    yield server.get_port()
    server.stop()


def test_a_foreign_page_is_refused_and_the_own_one_is_let_in(port: int) -> None:
    url, protocol = f"ws://127.0.0.1:{port}", f"viser-v{viser.__version__}"
    with pytest.raises(InvalidStatus, match="403"):
        connect(url, origin="http://evil.example", subprotocols=[protocol])  # type: ignore[arg-type]
    with connect(url, origin=f"http://127.0.0.1:{port}", subprotocols=[protocol]) as own:  # type: ignore[arg-type]
        assert own.recv(10.0)


@pytest.mark.parametrize(
    ("host", "origin", "served_on", "own"),
    [
        ("localhost:9000", "http://localhost:9000", "127.0.0.1", True),  # through ssh -L 9000
        ("127.0.0.1:8080", None, "127.0.0.1", True),  # curl
        ("evil.example:8080", "http://evil.example:8080", "127.0.0.1", False),  # its name leads to this computer
        ("127.0.0.1:8080", "http://127.0.0.1:3000", "127.0.0.1", False),  # another program's page
        ("robot.lan:8080", "http://robot.lan:8080", "0.0.0.0", True),
        ("robot.lan:8080", "http://evil.example", "0.0.0.0", False),
        ("[::1]:8080", "http://[::1]:8080", "::1", True),
    ],
)
def test_origin_and_host_decide(host: str, origin: str | None, served_on: str, own: bool) -> None:
    assert is_own({"Host": host} | ({"Origin": origin} if origin else {}), served_on) is own
