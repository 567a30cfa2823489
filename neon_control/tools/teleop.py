"""`neon_control teleop`: take over a robot that a policy moves, with a keyboard, a gamepad or a leader arm, and give it back."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rclpy
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState, Joy

from neon_control.core.common.errors import ConfigError, ObservationError
from neon_control.core.common.fields import Place, load
from neon_control.core.common.keyboard import Keyboard
from neon_control.core.common.paths import find_file
from neon_control.core.common.yaml_file import read_mapping
from neon_control.core.robot.action_space import MODES, ActionSpace
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot
from neon_control.nodes.checked_messages import read_message
from neon_control.nodes.processes import domain_id
from neon_control.nodes.simulated_clock import ClockGuard
from neon_control.nodes.start import start_ros
from neon_control.nodes.transport import choose_transport
from neon_control.teleop.gamepad import Gamepad, GamepadFile
from neon_control.teleop.hand import Hand
from neon_control.teleop.keys import HELP, Keys
from neon_control.teleop.leader import Leader, LeaderFile
from neon_control.teleop.wish import Wish
from neon_control.tools.arguments import positive
from neon_control.tools.topics import add_robot_arguments, robot_file

PERIOD = 0.02  # [s] between two messages of the button; the executor lets go after 0.08 s
SOURCES = ("keyboard", "joy", "leader")
EPILOG = f"""\
The robot follows you instead of its policy while you hold an enabling button, a dead-man's. Let go of it, lose the network or end this
program, and the robot stops and stands. Hold it again to go on, or give back, and the policy leads again from where you left the robot.
Joints that you do not move are held. The executor's limits hold for you as for the policy; its e-stop beats both.

keyboard, in this terminal; the button is held while keys repeat, and for 0.7 s after the first:
{HELP}

joy: run `ros2 run joy joy_node` beside it. The button is the left shoulder (4), button 0 gives back, the left stick drives, the cross
chooses a joint and moves it. Another gamepad, or other axes, with --map FILE:
  {{topic: joy, enable: 4, give_back: 0, base: {{vx: {{axis: 1, scale: 0.3}}}}, joints: {{left_elbow_joint: {{axis: 4, scale: 0.5}}}}}}

leader: any topic of JointState, with --map FILE; robot = scale * leader + offset, in rad:
  topic: leader/joint_states
  joints:
    left_elbow_joint: {{joint: elbow, scale: 0.017453, offset: 0.1}}
  enable: {{joint: trigger, above: 0.5}}    # without it, the space bar in this terminal is the button
  give_back: {{joint: thumb, above: 0.5}}   # pressed while the button is not held; without it, the key g. `below: true`: pressed below it
  relative: true                          # follow how far it moves, wherever it is when the button is pressed

examples:
  neon_control teleop --source keyboard
  neon_control teleop --source leader --map so101_leader.yaml --robot my_robot.yaml
  neon_control teleop --source leader --map arm.yaml --other-button     # a pedal holds the button
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source", choices=SOURCES, required=True, help="what you hold in your hand")
    parser.add_argument("--map", type=Path, metavar="FILE", help="YAML: what the leader's joints, or the gamepad's axes, move")
    text = "another program says takeover/enable, for example of a pedal, and gives back by it; this one does neither"
    parser.add_argument("--other-button", action="store_true", help=text)
    text = "which joints keys and gamepad move, and a leader without a map (default: as in the parameter file)"
    parser.add_argument("--mode", choices=tuple(MODES), help=text)
    parser.add_argument("--step", type=positive, default=0.02, metavar="RAD", help="by which a key moves a joint (default: %(default)g)")
    text = "share of the base's velocity limits with which a key drives (default: %(default)g)"
    parser.add_argument("--speed", type=positive, default=0.4, metavar="SHARE", help=text)
    parser.add_argument("--use-sim-time", action="store_true", help="take the time from /clock, as the nodes do")
    add_robot_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Until Ctrl-C or SIGTERM."""
    robot = load_robot(robot_file(args.robot, args.params_file))
    source = _Source(robot, _names(robot, args), args)
    domain_id()
    choose_transport()
    signals: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: signals.append(number))
    start_ros([])
    time_source = [Parameter("use_sim_time", value=args.use_sim_time)]
    node = ClockGuard("teleop", namespace=args.namespace, parameter_overrides=time_source, start_parameter_services=False)
    try:
        with Keyboard() as keyboard:
            if source.needs_keys and not keyboard.present:
                raise ConfigError(f"--source {args.source}: the button is a key, and there is no terminal to type in")
            source.subscribe(node)
            _lead(node, robot, source, keyboard, signals)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


def _names(robot: Robot, args: argparse.Namespace) -> tuple[str, ...]:
    """The joints that the executor commands."""
    sections = read_mapping(find_file(args.params_file, "config"))
    mode = args.mode or str(sections.get("/**/executor_node", {}).get("ros__parameters", {}).get("mode", "arms_only"))
    return ActionSpace.from_robot(robot, mode).joint_names


class _Source:
    """What is held in the hand, by the options."""

    def __init__(self, robot: Robot, names: tuple[str, ...], args: argparse.Namespace) -> None:
        data = {} if args.map is None else read_mapping(args.map)
        place = Place(str(args.map or "--map"))
        self.leader = Leader(robot, names, load(LeaderFile, data, place)) if args.source == "leader" else None
        self.gamepad = Gamepad(robot, names, load(GamepadFile, data, place)) if args.source == "joy" else None
        if args.source == "keyboard" and args.map is not None:
            raise ConfigError("--map is for --source leader or joy; the keys are fixed")
        self._topic = data.get("topic", {"leader": LeaderFile.topic, "joy": GamepadFile.topic}.get(args.source, ""))
        self.ours = not args.other_button
        untriggered = self.leader is not None and self.leader.triggered is None
        self.needs_keys = args.source == "keyboard" or (untriggered and self.ours)
        self.keys = Keys(robot, names if args.source == "keyboard" else (), args.step, args.speed)

    def subscribe(self, node: Node) -> None:
        """Hear the leader, or the gamepad."""

        def listen(kind: type, hear: Callable[[Any], None]) -> None:
            def receive(data: bytes) -> None:
                try:
                    hear(read_message(data, kind))
                except ObservationError as error:
                    node.get_logger().warning(f"{self._topic}: {error}", throttle_duration_sec=5.0)

            node.create_subscription(kind, self._topic, receive, QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT), raw=True)

        leader, gamepad = self.leader, self.gamepad
        if leader is not None:
            listen(JointState, lambda m: leader.hear(m.name, m.position, time.monotonic()))
        elif gamepad is not None:
            listen(Joy, lambda m: gamepad.hear(m.axes, m.buttons, time.monotonic()))

    def wish(self, measured: dict[str, float], now: float) -> Wish:
        """What is wanted at `now` [s, monotonic]."""
        if self.gamepad is not None:
            self.gamepad.jog.measured = measured
            return self.gamepad.wish(now)
        self.keys.jog.measured = measured
        keys = self.keys.wish(now)
        if self.leader is None:
            return keys
        self.leader.measured = measured
        wish = self.leader.wish(now, keys.held if self.needs_keys else not self.ours or bool(self.leader.triggered))
        return Wish(wish.held, keys.gives_back or wish.gives_back, wish.joints)

    @property
    def chosen(self) -> str:
        """The joint that is moved, where one is chosen."""
        return self.gamepad.chosen if self.gamepad is not None else self.keys.chosen


def _lead(node: Node, robot: Robot, source: _Source, keyboard: Keyboard, signals: list[int]) -> None:
    hand, told = Hand(node, robot), ("", "")
    print("the robot is yours while you hold the button; see --help for the keys", file=sys.stderr)
    due = time.monotonic()
    while not signals:
        due = max(due + PERIOD, time.monotonic())
        hand.look()
        while (key := keyboard.read()) and not signals:
            source.keys.press(key, time.monotonic())
        now = time.monotonic()
        hand.tell(source.wish(hand.measured, now), now, source.ours)
        if told != (hand.commander, source.chosen):
            told = (hand.commander, source.chosen)
            joint = f"   joint: {source.chosen}" if source.chosen else ""
            print(f"leads: {hand.commander or 'nobody has said'}{joint}", file=sys.stderr)
        while not signals and (left := due - time.monotonic()) > 0.0:
            rclpy.spin_once(node, timeout_sec=left)
