"""How often a subscriber stays deaf after a process was frozen, thawed, killed and started again, with one set-up of Fast DDS.

    python test/benchmarks/restart_after_freeze.py --tries 100 [--worlds 4] [--profiles FILE] [--seed 1]

A world is a DDS domain of its own with three processes that talk as ours do: `robot` (joint states, images), `policy` (both chunk
topics, reliable, with deadline and lease) and `executor` (commands). A try freezes one of them (SIGSTOP) for a random time, lets it go,
kills `robot` or `policy` with SIGKILL a random moment later and starts it anew. Then everybody has to hear everybody, or the try counts as
deaf: who, which topics, and which ports in shared memory were lost. Those who are deaf or have lost some then join anew, as the nodes do by
themselves, and it is told whether that helped. `--freeze 0 0` leaves the freeze out.

No ROS node is spun: the processes only publish and take, so that several worlds fit on one core.
"""

from __future__ import annotations

import argparse
import math
import mmap
import os
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from neon_control.nodes.lost_ports import lost_ports
from neon_control.nodes.processes import free_domain_id
from neon_control.nodes.transport import PROFILES, choose_transport

ROLES = ("robot", "policy", "executor")
TOPICS = {
    "joint_states": "robot",
    "image": "robot",
    "chunk_joints": "policy",
    "chunk_base": "policy",
    "command": "executor",
}  # -> who sends
HEARS = {
    "robot": ("command",),
    "policy": ("joint_states", "image"),
    "executor": ("joint_states", "chunk_joints", "chunk_base"),
}
LINKS = [(reader, topic) for reader in ROLES for topic in HEARS[reader]]
PERIOD = 0.08  # [s] between two rounds of a process; images go out in every third
IMAGE_BYTES = 640 * 480 * 3


def participant(role: str, domain: int, counters: mmap.mmap) -> None:
    """Run one process until it is killed; what it hears is counted in `counters`, 8 bytes a link: messages, and publishers it knows of."""
    import rclpy
    from rclpy.node import Node
    from rclpy.publisher import Publisher
    from rclpy.qos import QoSProfile, qos_profile_sensor_data
    from sensor_msgs.msg import Image, JointState
    from trajectory_msgs.msg import JointTrajectory, MultiDOFJointTrajectory

    from neon_control.nodes.chunk_messages import chunk_qos
    from neon_control.nodes.other_ports import other_ports
    from neon_control.nodes.polling import PolledSubscription

    kinds = {
        "joint_states": (JointState, qos_profile_sensor_data),
        "image": (Image, qos_profile_sensor_data),
        "chunk_joints": (JointTrajectory, chunk_qos()),
        "chunk_base": (MultiDOFJointTrajectory, chunk_qos()),
        "command": (JointTrajectory, QoSProfile(depth=1)),
    }
    messages = {t: kinds[t][0]() for t, sender in TOPICS.items() if sender == role}
    if "image" in messages:
        messages["image"].data = bytes(IMAGE_BYTES)

    def join() -> tuple[Node, dict[str, Publisher], dict[str, PolledSubscription]]:
        rclpy.init(domain_id=domain, args=[])
        node = rclpy.create_node(role)
        publishers = {t: node.create_publisher(kinds[t][0], t, kinds[t][1]) for t in messages}
        return node, publishers, {t: PolledSubscription(node, kinds[t][0], t, kinds[t][1]) for t in HEARS[role]}

    rejoin = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: rejoin.set())
    node, publishers, subscriptions = join()
    slow = {"image"}
    counts = dict.fromkeys(HEARS[role], 0)
    pause, round_ = threading.Event(), 0
    while os.getppid() != 1:
        if rejoin.is_set():
            rejoin.clear()
            node.destroy_node()
            rclpy.shutdown()
            with other_ports([], domain):
                node, publishers, subscriptions = join()
        for topic, subscription in subscriptions.items():
            counts[topic] += sum(1 for _ in subscription.take())
            place = 8 * LINKS.index((role, topic))
            counters[place : place + 8] = (counts[topic] << 8 | node.count_publishers(topic)).to_bytes(8, "little")
        for topic, publisher in publishers.items():
            if topic not in slow or round_ % 3 == 0:
                publisher.publish(messages[topic])
        round_ += 1
        pause.wait(PERIOD)


@dataclass
class World:
    """Three processes on one domain."""

    domain: int = field(default_factory=free_domain_id)
    counters: mmap.mmap = field(default_factory=lambda: mmap.mmap(-1, 8 * len(LINKS)))
    pids: dict[str, int] = field(default_factory=dict)

    def start(self, role: str) -> None:
        """Fork one of them; rclpy is loaded, not initialised, so that a start costs little."""
        for place, link in enumerate(LINKS):
            if link[0] == role:
                self.counters[8 * place : 8 * place + 8] = bytes(8)  # it counts from zero
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            try:
                participant(role, self.domain, self.counters)
            finally:
                os._exit(0)
        self.pids[role] = pid

    def kill(self, role: str) -> None:
        """SIGKILL."""
        pid = self.pids.pop(role)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

    def heard(self) -> dict[tuple[str, str], int]:
        """Messages taken so far, by link."""
        return {link: self._number(place) >> 8 for place, link in enumerate(LINKS)}

    def known(self, link: tuple[str, str]) -> int:
        """How many publishers its reader knows."""
        return self._number(LINKS.index(link)) & 0xFF

    def _number(self, place: int) -> int:
        return int.from_bytes(self.counters[8 * place : 8 * place + 8], "little")

    def silent(self, limit: float, pause: threading.Event) -> list[tuple[str, str]]:
        """The links on which nothing new comes within `limit` [s]; two messages each, as one may have been on its way."""
        before, deadline = self.heard(), time.monotonic() + limit
        while True:
            now = self.heard()
            missing = [link for link in LINKS if now[link] < before[link] + 2]
            if not missing or time.monotonic() > deadline:
                return missing
            pause.wait(0.05)

    def lost_ports(self) -> dict[str, set[str]]:
        """Ports in shared memory that a process has lost, by process."""
        return {role: lost_ports(Path(f"/proc/{pid}/maps").read_text()) for role, pid in self.pids.items()}


def run(world: World, tries: int, options: argparse.Namespace, dice: random.Random, results: list[float], lock: threading.Lock) -> None:
    """Play tries in one world, which is built anew after a deaf one; each adds how long [s] it took until all heard, infinite for never."""
    pause = threading.Event()
    for _ in range(tries):
        victim = dice.choice(("robot", "policy"))
        frozen = {"any": dice.choice(ROLES), "victim": victim}.get(options.who, options.who)
        seconds, wait, gone = dice.uniform(*options.freeze), dice.uniform(0.0, options.after), dice.uniform(0.0, options.gone)
        if seconds > 0.0:
            os.kill(world.pids[frozen], signal.SIGSTOP)
            pause.wait(seconds)
            os.kill(world.pids[frozen], signal.SIGCONT)
        pause.wait(wait)
        with lock:
            world.kill(victim)
        pause.wait(gone)
        with lock:
            world.start(victim)
        start = time.monotonic()
        missing = world.silent(options.limit, pause)
        what = f"frozen {frozen} {seconds:.1f} s, {wait:.1f} s later killed {victim}, {gone:.1f} s later restarted"
        if not missing:
            results.append(time.monotonic() - start)
            continue
        results.append(math.inf)
        links = ", ".join(f"{link[0]} <- {link[1]} ({world.known(link)} publishers known)" for link in missing)
        lost = world.lost_ports()
        print(f"DEAF for {options.limit:.0f} s: {what}: {links}; lost ports {lost}", flush=True)
        joining = {reader for reader, _ in missing} | {role for role, ports in lost.items() if ports}
        for role in joining:
            os.kill(world.pids[role], signal.SIGUSR1)
        start, missing = time.monotonic(), world.silent(options.limit, pause)
        result = f"still deaf: {missing}" if missing else f"heard after {time.monotonic() - start:.1f} s"
        print(f"  new participants of {sorted(joining)}: {result}", flush=True)
        with lock:
            close(world)
            world.domain = free_domain_id()
        open_up(world)


def open_up(world: World) -> None:
    """Start all three and wait until they hear each other."""
    for role in ROLES:
        world.start(role)
    if missing := world.silent(30.0, threading.Event()):
        print(f"a fresh world stays deaf: {missing}", flush=True)


def close(world: World) -> None:
    """End all three."""
    for role in list(world.pids):
        world.kill(role)


def main() -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=100)
    parser.add_argument("--worlds", type=int, default=4, help="domains that are tried side by side")
    parser.add_argument("--profiles", help="a profile file of Fast DDS; default: ours")
    parser.add_argument("--freeze", type=float, nargs=2, default=(1.5, 6.0), metavar="S", help="shortest and longest freeze [s]")
    parser.add_argument("--after", type=float, default=1.5, help="longest time from thaw to kill [s]")
    parser.add_argument("--gone", type=float, default=1.0, help="longest time from kill to restart [s]")
    parser.add_argument("--limit", type=float, default=30.0, help="who hears nothing for so long is deaf [s]")
    parser.add_argument("--who", choices=("any", "victim", *ROLES), default="any", help="who is frozen")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.profiles:
        os.environ[PROFILES] = options.profiles
    choose_transport()
    import rclpy.node  # noqa: F401  (the forks share it)

    worlds = [World() for _ in range(options.worlds)]
    for world in worlds:
        open_up(world)
    results: list[float] = []
    lock, threads = threading.Lock(), []
    for number, world in enumerate(worlds):
        share = len(range(number, options.tries, len(worlds)))
        dice = random.Random(1000 * options.seed + number)
        threads.append(threading.Thread(target=run, args=(world, share, options, dice, results, lock)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for world in worlds:
        close(world)
    times = sorted(time for time in results if time < math.inf)
    print(f"{len(results)} tries: {len(results) - len(times)} deaf; profiles {os.environ.get(PROFILES)}, freeze {options.freeze} s")
    if times:
        median, p90 = times[len(times) // 2], times[len(times) * 9 // 10]
        print(f"all heard all after {median:.1f} s (median), {p90:.1f} s (p90), {times[-1]:.1f} s (most)")


if __name__ == "__main__":
    main()
