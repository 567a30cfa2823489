"""`neon_control record`: what a robot's policy saw, said and did, as one bag (mcap) to replay, to judge or to train from.

It listens only. Topics that appear later are picked up; Ctrl-C or SIGTERM ends the recording, and the bag is complete then. With
`--episodes` a person says when a bag begins and how it went: see `replay/episode_recorder.py`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import rclpy
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_msgs.msg import String
from tqdm import tqdm

from neon_control import __version__
from neon_control.core.common.errors import ConfigError
from neon_control.core.common.keyboard import Keyboard
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.topic_names import EPISODE_STATE
from neon_control.core.robot.topics import input_topics, recorded_topics
from neon_control.nodes.chunk_messages import LATCHED
from neon_control.nodes.processes import domain_id
from neon_control.nodes.simulated_clock import ClockGuard
from neon_control.nodes.start import start_ros
from neon_control.nodes.transport import choose_transport
from neon_control.recordings.bag.bag_file import POLICY_KEY, BagError
from neon_control.replay.episode_recorder import EpisodeRecorder
from neon_control.replay.episode_services import KEYS, EpisodeServices
from neon_control.replay.node_facts import NodeFacts, policy_identity
from neon_control.replay.recorder import Recorder
from neon_control.tools.arguments import not_negative, positive, ros_name
from neon_control.tools.topics import add_robot_arguments, robot_file

POLL_PERIOD = 0.005  # [s]
REPORT_PERIOD = 1.0  # [s]
START_LIMIT = 10.0  # [s] that a limited recording waits for the first message: on a busy computer, publishers are discovered late
NODES = ("inference_node", "executor_node", "unitree_node")  # whose parameters are recorded, of those that run
EPILOG = """\
examples:
  neon_control record --out failure                              until Ctrl-C
  neon_control record --robot my_robot.yaml --out bags/take_1 --also /tf
  neon_control record --episodes --out trials --keep-last 60     one bag an episode, as you say how each went

With --episodes, keys of this terminal, or services of the type std_srvs/Trigger, say what happens:
  b begin   s success   f failure   d discard (deletes the episode)   k keep: an episode that began --keep-last seconds ago   n a note
`neon_control trials` counts successes.
`neon_control recordings`, `replay` and `evaluate` read what it writes.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    text = "folder of the bag, or with --episodes of the bags (default: recording-DATE-TIME here)"
    parser.add_argument("--out", type=Path, metavar="DIR", help=text)
    add_robot_arguments(parser)
    parser.add_argument("--policy", metavar="NAME", help="the policy that runs (default: what inference_node says)")
    parser.add_argument("--also", nargs="+", type=ros_name, default=[], metavar="TOPIC", help="more topics to record")
    parser.add_argument("--compress", action="store_true", help="with zstd; costs computing time on the robot")
    parser.add_argument("--use-sim-time", action="store_true", help="take the time from /clock, as the nodes do")
    parser.add_argument("--seconds", type=positive, metavar="S", help="end this long after the first message (default: at Ctrl-C)")
    text = "one bag for each episode that somebody begins, with the outcome that he says"
    parser.add_argument("--episodes", action="store_true", help=text)
    text = "with --episodes: hold the last seconds on disk, for `keep` (default: %(default)g, nothing)"
    parser.add_argument("--keep-last", type=not_negative, default=0.0, metavar="S", help=text)
    names = " ".join(f"{name}={key}" for name, key in KEYS.items())
    text = f"with --episodes: other keys of the terminal (default: {names})"
    parser.add_argument("--keys", nargs="+", type=_key, default=[], metavar="NAME=KEY", help=text)
    text = "stop before the disk has less (default: %(default)g)"
    parser.add_argument("--reserve-mb", type=not_negative, default=500.0, metavar="MB", help=text)


def _key(text: str) -> tuple[str, str]:
    name, _, key = text.partition("=")
    if name not in KEYS or len(key) != 1:
        raise argparse.ArgumentTypeError(f"needs one of {list(KEYS)}, =, and one letter, got {text!r}")
    return name, key


def run(args: argparse.Namespace) -> int:
    """Record until a signal; returns the exit code: 0 for a complete bag with messages in it."""
    file = robot_file(args.robot, args.params_file)
    robot = load_robot(file)
    domain_id()
    choose_transport()
    signals: list[int] = []  # any ends the recording, so that the bag is closed in order
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: signals.append(number))
    start_ros([])
    node = ClockGuard("recorder", namespace=args.namespace, parameter_overrides=[Parameter("use_sim_time", value=args.use_sim_time)])
    try:
        with ExitStack() as stack:
            keyboard = stack.enter_context(Keyboard()) if args.episodes else Keyboard()
            recorder, look = _recorder(args, node, robot, keyboard)
            recorder.note("neon_control/version", __version__)
            recorder.note("neon_control/robot", file.read_text())
            if args.policy:
                recorder.note(POLICY_KEY, json.dumps(policy_identity(args.policy), sort_keys=True))
            facts = [NodeFacts(node, name, recorder.note) for name in NODES]
            problem = _record(recorder, look, node, facts, signals, args.seconds, args.reserve_mb)
        recorder.close()
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    return _report(recorder, problem)


AnyRecorder = Recorder | EpisodeRecorder


def _recorder(args: argparse.Namespace, node: Node, robot: Robot, keyboard: Keyboard) -> tuple[AnyRecorder, Callable[[], None]]:
    """What records, and what is to be done meanwhile, again and again."""
    topics = (*recorded_topics(robot), *args.also)
    out = args.out or Path(time.strftime("recording-%Y%m%d-%H%M%S"))
    if not args.episodes:
        if args.keep_last or args.keys:
            raise ConfigError("--keep-last and --keys are for --episodes")
        return Recorder(node, out, topics, args.compress), lambda: None
    keys = {**KEYS, **dict(args.keys)}
    if len(set(keys.values())) < len(keys):
        raise ConfigError(f"--keys: one key for two things: {keys}")
    states = node.create_publisher(String, EPISODE_STATE, LATCHED)
    told = input_topics(robot).get("instruction", ())
    recorder = EpisodeRecorder(
        node, out, topics, told, robot.name, lambda said: states.publish(String(data=said)), args.compress, args.keep_last
    )
    if recorder.rescued is not None:
        print(f"{recorder.rescued}: what a recorder that was killed had kept last", file=sys.stderr)
    services = EpisodeServices(node, recorder, lambda line: tqdm.write(line, file=sys.stderr), keys)
    if keyboard.present:
        print("  ".join(f"{key} {name}" for name, key in keys.items()), file=sys.stderr)
    return recorder, lambda: services.poll(keyboard.typed())


def _record(
    recorder: AnyRecorder,
    look: Callable[[], None],
    node: Node,
    facts: list[NodeFacts],
    signals: list[int],
    seconds: float | None,
    reserve_mb: float,
) -> str:
    """Poll until the end; returns what ended it too early, or nothing."""
    begin = reported = first = time.monotonic()
    told: set[str] = set()
    with tqdm(bar_format="{desc}", file=sys.stderr, disable=None) as bar:
        while not signals and (seconds is None or time.monotonic() - first < seconds):
            try:
                recorder.poll()
                look()
            except BagError as error:
                return str(error)
            now = time.monotonic()
            if not recorder.bytes:
                first = min(now, begin + START_LIMIT)
            for fact in facts:
                fact.poll(now)
            rclpy.spin_once(node, timeout_sec=0.0)  # answers about parameters, services, and /clock
            for topic in recorder.problems.keys() - told:
                told.add(topic)
                bar.write(f"cannot record {topic}: {recorder.problems[topic]}", file=sys.stderr)
            if now - reported >= REPORT_PERIOD:
                reported = now
                bar.set_description_str(_progress(recorder, now - begin))
                free = shutil.disk_usage(recorder.path).free / 1e6
                if free < reserve_mb:
                    return f"stopped: the disk of {recorder.path} has {free:.0f} MB left, --reserve-mb is {reserve_mb:g}"
            time.sleep(POLL_PERIOD)
    return ""


def _progress(recorder: AnyRecorder, seconds: float) -> str:
    rates = "  ".join(f"{t.lstrip('/')} {c.count / seconds:.0f}" for t, c in recorder.channels.items() if c.count)
    doing = f"  {recorder.episode.state} {recorder.episode.number}" if isinstance(recorder, EpisodeRecorder) else ""
    return f"{seconds:.0f} s{doing}  {recorder.bytes / 1e6:.0f} MB  lost {recorder.lost}  [Hz] {rates or 'nothing yet'}"


def _report(recorder: AnyRecorder, problem: str) -> int:
    counts = {t: c for t, c in recorder.channels.items() if c.count}
    for topic, channel in sorted(counts.items()):
        print(f"{channel.count:8d}  {topic}" + (f"  ({channel.lost} lost on the way)" if channel.lost else ""))
    for topic in recorder.missing:
        print(f"       -  {topic}  {recorder.problems.get(topic, 'nobody published it')}")
    print(f"{recorder.path}: {sum(c.count for c in counts.values())} messages, {recorder.bytes / 1e6:.1f} MB, {recorder.lost} lost")
    if problem:
        print(f"neon_control record: {problem}", file=sys.stderr)
    return 1 if problem or not counts else 0
