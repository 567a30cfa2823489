"""`neon_control replay`: yesterday's inputs through today's nodes.

Inference node and executor run as on the robot, on the bag's time. What their like said on the day is played under `/recorded/...`, so
that only today's commands reach a controller. Space pauses, s or the right arrow sends the next message.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import platformdirs
import rclpy
import yaml
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from tqdm import tqdm

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.keyboard import Keyboard
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.common.paths import find_file
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.topic_names import DIAGNOSTICS, JOINT_STATES
from neon_control.core.robot.topics import replay_remappings, resolve
from neon_control.nodes.polling import PolledSubscription
from neon_control.nodes.processes import MAX_DOMAIN, ProcessError, ProcessGroup, node_command, prepare_environment
from neon_control.nodes.start import start_ros
from neon_control.recordings.bag.bag_file import PARAMETERS_KEY, Bag, BagError
from neon_control.replay.player import Player
from neon_control.tools.arguments import positive, whole
from neon_control.tools.bag import add_bag_arguments, open_bag
from neon_control.tools.topics import add_robot_arguments, robot_file

START_LIMIT = 120.0  # [s] until both nodes listen; the first start on a computer exports the vision encoder
DISCOVERY = 4.0  # [s] after which a foreign robot would have been seen, on a busy computer too
NODES = ("inference_node", "executor_node")
OURS = ("use_sim_time", "autostart", "start_type_description_service")  # parameters that a replay decides
UNFOLLOWED = {"following_limit": 0.0}  # the joints of a recording do what they did then, whatever is commanded now
EPILOG = """\
examples:
  neon_control replay failure                                    through inference node and executor
  neon_control replay failure --recorded-parameters --record again
  neon_control replay failure --policy other --start 12 --duration 5 --rate 0.5
  neon_control replay my_dataset --episode 3 --robot my_robot.yaml --policy policies/my_task
The nodes send real commands, so all of it happens in a DDS domain of its own, on this computer alone, unless --domain names one.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bag_arguments(parser)
    parser.add_argument("--rate", type=positive, default=1.0, metavar="R", help="bag seconds in a second (default: %(default)g)")
    parser.add_argument("--loop", action="store_true", help="begin again at the end; time jumps back then")
    parser.add_argument("--clock-hz", type=positive, default=200.0, metavar="HZ", help="rate of /clock (default: %(default)g)")
    parser.add_argument("--no-nodes", action="store_true", help="only play; start no nodes")
    parser.add_argument("--policy", metavar="NAME", help="policy folder or name (default: as in the parameter file)")
    add_robot_arguments(parser)
    parser.add_argument("--remap", nargs="+", default=[], metavar="FROM:=TO", help="play a topic under another name")
    parser.add_argument("--record", type=Path, metavar="DIR", help="record the replay, with what today's nodes say, into this bag")
    parser.add_argument("--domain", type=whole(0, MAX_DOMAIN), metavar="N", help="DDS domain (default: a free one, on this computer alone)")
    parser.add_argument("--log-folder", type=Path, metavar="DIR", help="where the nodes write logs (default: the user's log folder)")


def run(args: argparse.Namespace) -> int:
    file = robot_file(args.robot, args.params_file)
    robot = load_robot(file)
    names = {**replay_remappings(robot, args.namespace), **dict(_remapping(text) for text in args.remap)}
    if args.no_nodes and (args.record or args.policy or args.recorded_parameters):
        raise ConfigError("--no-nodes starts no nodes, so --record, --policy and --recorded-parameters mean nothing with it")
    folder = args.log_folder or platformdirs.user_log_path("neon_control", appauthor=False) / time.strftime("replay-%Y%m%d-%H%M%S")
    _choose_domain(args.domain)
    os.environ["ROS_LOG_DIR"] = str(folder.absolute())
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # through all `with` blocks
    with ExitStack() as stack:
        bag, robot = stack.enter_context(open_bag(args, robot))
        group = stack.enter_context(ProcessGroup(folder))
        start_ros([])
        stack.callback(rclpy.try_shutdown)
        node = Node("player", namespace=args.namespace)
        stack.callback(node.destroy_node)
        _refuse_company(node, args)
        player = Player(node, bag, names, args.rate, args.clock_hz)
        for topic, problem in player.problems.items():
            print(f"not played: {topic}: {problem}", file=sys.stderr)
        inputs = [] if args.no_nodes else needed_inputs(player.publishers, bag, robot, names, args.namespace)
        reports = PolledSubscription(node, DiagnosticArray, DIAGNOSTICS, QoSProfile(depth=20))
        try:
            _start_nodes(group, args, file, bag, folder)
            _await_listeners(player, inputs, args, group.check)
            _play(player, bag, args, group.check)
        except ProcessError as error:
            print(f"neon_control replay: {error}", file=sys.stderr)
            return 1
        _report(player, reports, folder)
    return 0


def _choose_domain(domain: int | None) -> None:
    """A given domain, or a free one that other computers cannot join: a robot must not hear the nodes that a replay starts."""
    os.environ.pop("ROS_DOMAIN_ID", None)
    if domain is not None:
        os.environ["ROS_DOMAIN_ID"] = str(domain)
    else:
        os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    print(f"ROS domain {prepare_environment()}", file=sys.stderr)


def _refuse_company(node: Node, args: argparse.Namespace) -> None:
    """In a domain that was named, no living robot may be there: it would be moved, and its measurements mixed with the bag's."""
    if args.domain is None:
        return
    deadline = time.monotonic() + DISCOVERY
    topic = resolve(JOINT_STATES, args.namespace)
    while time.monotonic() < deadline:
        if node.count_publishers(topic):
            raise ConfigError(f"somebody publishes {topic} in ROS domain {args.domain}: is it a robot? Leave --domain away, or end it")
        time.sleep(0.05)


def _start_nodes(group: ProcessGroup, args: argparse.Namespace, file: Path, bag: Bag, folder: Path) -> None:
    if args.no_nodes:
        return
    params_file = find_file(args.params_file, "config")
    if args.recorded_parameters:
        params_file = _recorded_parameters(bag, folder)
    given: dict[str, object] = {"robot_config": str(file), "use_sim_time": True}
    policy = {"policy": args.policy} if args.policy else {}
    space = ("-r", f"__ns:=/{args.namespace.strip('/')}") if args.namespace.strip("/") else ()
    group.start("executor_node", node_command("neon_control.nodes.executor_node", params_file, {**given, **UNFOLLOWED}, *space))
    group.start("inference_node", node_command("neon_control.nodes.inference_node", params_file, {**given, **policy}, *space))
    if args.record is not None:
        options = ["--out", str(args.record), "--robot", str(file), "--use-sim-time", "--reserve-mb", "100"]
        options += ["--namespace", args.namespace] if args.namespace else []
        group.start("record", [sys.executable, "-m", "neon_control.tools.cli", "record", *options])


def _recorded_parameters(bag: Bag, folder: Path) -> Path:
    """The nodes' parameters of the day as a parameter file."""
    sections = {}
    for name in NODES:
        text = bag.custom.get(PARAMETERS_KEY + name)
        if text is None:
            raise BagError(f"it does not tell the parameters of {name}; only `neon_control record` notes them", bag.path)
        values = {k: v for k, v in json.loads(text).items() if k not in OURS and not k.startswith(("realtime.", "qos_overrides."))}
        sections[f"/**/{name}"] = {"ros__parameters": {k: v for k, v in values.items() if v != []}}
    file = folder / "recorded_parameters.yaml"
    file.write_text(yaml.safe_dump(sections))
    return file


def needed_inputs(playable: Collection[str], bag: Bag, robot: Robot, names: Mapping[str, str], namespace: str) -> list[str]:
    """The recording's joint states and first camera, without which the nodes do nothing: those that will be played where they listen.

    Raises:
        BagError: there is nothing of the kind.
    """
    camera = robot.cameras[0].topic
    played = {names.get(topic, topic): topic for topic in playable}
    found = []
    for topics in ((JOINT_STATES,), (camera, f"{camera}/compressed")):
        heard = [resolve(topic, namespace) for topic in topics]
        source = next((played[topic] for topic in heard if topic in played), None)
        if source is None:
            raise BagError(
                f"nothing to play on {' or '.join(heard)}, which the nodes need; the recording has {sorted(bag.topics)}; "
                "is --namespace right? --remap FROM:=TO plays a topic under another name",
                bag.path,
            )
        found.append(source)
    return found


def _await_listeners(player: Player, inputs: Sequence[str], args: argparse.Namespace, check: Callable[[], None]) -> None:
    """Return when both nodes listen to `inputs`, so that none of them misses the beginning."""
    if not inputs:
        return
    joints, camera = inputs
    extra = args.record is not None
    needed = {joints: 2 + extra, camera: 1 + extra, "/clock": 2 + extra}
    deadline = time.monotonic() + START_LIMIT
    with tqdm(total=1, desc="starting", bar_format="{desc}: {elapsed}{postfix}", file=sys.stderr, disable=None, leave=False) as bar:
        while lacking := [t for t, count in needed.items() if player.listeners(t) < count]:
            check()
            bar.set_postfix_str("waiting for listeners of " + ", ".join(lacking))
            if time.monotonic() > deadline:
                raise ProcessError(f"after {START_LIMIT:.0f} s nobody listens to {lacking}")
            player.tell_time()
            time.sleep(0.02)


def _play(player: Player, bag: Bag, args: argparse.Namespace, check: Callable[[], None]) -> None:
    seconds = (bag.end - bag.start) / NANOSECONDS
    form = "{desc} |{bar}| {n:.1f}/{total:.1f} s{postfix}"
    with Keyboard() as keys, tqdm(total=seconds, desc="bag time", bar_format=form, file=sys.stderr, disable=None) as bar:

        def watch(now: int, paused: bool) -> None:
            check()
            bar.n = (now - bag.start) / NANOSECONDS
            bar.set_postfix_str("paused: space goes on, s steps" if paused else "space pauses" if keys.present else "")

        while True:
            player.play(keys.read, watch)
            if not args.loop:
                return


def _report(player: Player, reports: PolledSubscription, folder: Path) -> None:
    newest: dict[str, Any] = {}
    for data in reports.take():
        newest |= {status.name: status.message for status in deserialize_message(data, DiagnosticArray).status}
    for name, text in sorted(newest.items()):
        print(f"{name}: {text}")
    slow = f"; this computer was too slow, which took {player.slowed:.1f} s longer" if player.slowed > 0.5 else ""
    print(f"{player.sent} messages played{slow}; logs in {folder}")


def _remapping(text: str) -> tuple[str, str]:
    old, separator, new = text.partition(":=")
    if not (separator and old and new):
        raise ConfigError(f"--remap {text}: needs FROM:=TO")
    return resolve(old), resolve(new)
