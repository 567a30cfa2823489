"""Topics that a node has become deaf to: it heard them, a publisher is known all the while, and nothing comes any more.

That is a fault of the middleware, not of a driver that has ended: after a process was frozen for longer than its discovery lease and
another one was killed, two participants may never speak again. Subscribing anew does not help, a new participant does. A publisher that
has merely fallen silent looks the same from here, so a topic counts as deaf only if it was heard before: the new participant has heard
nothing yet, and one silence leads to one try.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from rclpy.node import Node

from neon_control.core.common.fields import setting
from neon_control.nodes.lost_ports import lost_ports

MAPS = Path("/proc/self/maps")

REJOIN_AFTER: float = setting(
    75.0,  # beyond the lease of config/fastdds.xml: until that ends, a driver that was killed is still known
    "join anew, as a new participant of the middleware, when a topic that was heard has a publisher and stays silent for so long; 0: never",
    unit="s",
    minimum=0.0,
)


def complaint(deaf: Mapping[str, float]) -> str:
    """One sentence about what `Deafness.deaf` found."""
    return "lost, though somebody is there: " + ", ".join(f"{what} for {seconds:.0f} s" for what, seconds in deaf.items())


class Deafness:
    """Watches topics.

    Args:
        limit: [s] so long there must be a publisher and no message; 0 for never.
        publishers: how many publishers of a topic are known.
        lost_ports: ports that this process has lost (`lost_ports.py`); peers may be deaf to us then, which nobody here hears.
    """

    def __init__(self, limit: float, publishers: Callable[[str], int], lost_ports: Callable[[], Iterable[str]] = tuple) -> None:
        self._limit, self._publishers, self._lost_ports = limit, publishers, lost_ports
        self._lost: dict[str, float] = {}  # port -> [s] since when it is lost
        self._heard: dict[str, Callable[[], float | None]] = {}
        self._known: dict[str, float] = {}  # topic -> [s] since when it has a publisher

    def watch(self, topic: str, heard: Callable[[], float | None]) -> None:
        """Watch a topic; `heard` tells when the newest message came [s], None before the first."""
        self._heard[topic] = heard

    def deaf(self, now: float, works: bool = False) -> dict[str, float]:
        """Topic -> [s] for how long nothing has come, at `now` [s] on the same clock; to be asked regularly.

        Ports, too: [s] for how long they are lost, unless the node `works`: an old one that is not needed any more is no fault.
        """
        ports = () if works or self._limit <= 0.0 else self._lost_ports()
        self._lost = {port: self._lost.get(port, now) for port in ports}
        found = {port: now - since for port, since in self._lost.items() if now - since >= self._limit}
        for topic, heard in self._heard.items():
            if not self._publishers(topic):
                self._known.pop(topic, None)
                continue
            known, last = self._known.setdefault(topic, now), heard()
            if self._limit > 0.0 and last is not None and now - max(known, last) >= self._limit:
                found[topic] = now - last
        return found


def watch_of(node: Node, limit: float) -> Deafness:
    """A watch for `node`, which remaps topics; none under simulated time, as a paused simulation is silent with good reason."""
    simulated = bool(node.get_parameter("use_sim_time").value)
    return Deafness(
        0.0 if simulated else limit,
        lambda topic: node.count_publishers(node.resolve_topic_name(topic)),
        lambda: lost_ports(MAPS.read_text()) if MAPS.exists() else set(),
    )
