"""`neon_control robot init URDF`: a draft of a robot file. `robot check FILE`: a robot file against the robot that is running."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.paths import find_file
from neon_control.core.common.printable import printable
from neon_control.core.robot.packages import PACKAGE, locate
from neon_control.core.robot.robot_draft import Draft, draft_robot
from neon_control.core.robot.robot_draft_text import MARK, Decision, write_draft
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.stated import Stated
from neon_control.core.robot.xacro_file import expand, is_xacro_file
from neon_control.tools.arguments import new_file, positive, ros_name, whole

if TYPE_CHECKING:  # a draft needs no ROS
    from rclpy.node import Node

T = TypeVar("T")
NAME = "robot_check"
EPILOG = """examples:
  neon_control robot init arm.urdf --output arm.yaml
  neon_control robot init package://ur_description/urdf/ur.urdf.xacro name:=ur ur_type:=ur5e --joint-states-from-graph
  neon_control robot check arm.yaml"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    text = "write a draft of a robot file from a URDF; what a person has to decide is marked in it"
    init = actions.add_parser("init", help=text, description=text[0].upper() + text[1:] + ".")
    init.add_argument("urdf", metavar="URDF", help="URDF or xacro file, a path or `package://NAME/path`")
    init.add_argument("arguments", nargs="*", type=_mapping, metavar="NAME:=VALUE", help="arguments of a xacro file")
    init.add_argument("--output", type=new_file, metavar="FILE", help="file to write (default: the robot's name and .yaml, here)")
    init.add_argument("--force", action="store_true", help="overwrite that file")
    text = "listen to the running robot, too: names of joints, controllers, cameras, the base's message; needs ROS"
    init.add_argument("--joint-states-from-graph", action="store_true", help=text)
    text = "load the file, and compare it with the running graph"
    check = actions.add_parser("check", help=text, description=text[0].upper() + text[1:] + ".")
    check.add_argument("file", metavar="FILE", help="robot file (YAML), a path or a file of the package's config/")
    for action in (init, check):
        action.add_argument("--seconds", type=positive, default=3.0, help="how long to listen (default: %(default)s)")
        action.add_argument("--namespace", type=ros_name, default="", metavar="NS", help="namespace of the robot's topics")
        action.add_argument("--domain", type=whole(0, 232), help="DDS domain (default: ROS_DOMAIN_ID)")
        action.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error")


def run(args: argparse.Namespace) -> int:
    return _check(args) if args.action == "check" else _init(args)


def _mapping(text: str) -> tuple[str, str]:
    name, found, value = text.partition(":=")
    if not (name and found):
        raise argparse.ArgumentTypeError(f"needs NAME:=VALUE, got {text!r}")
    return name, value


def _init(args: argparse.Namespace) -> int:
    arguments, here = dict(args.arguments), Path("robot.yaml")
    given = locate(args.urdf, (args.output or here).absolute()) if args.urdf.startswith(PACKAGE) else find_file(args.urdf)
    if is_xacro_file(given):
        file = expand(given, arguments)
    elif arguments:
        told = " ".join(f"{name}:={value}" for name, value in arguments.items())
        raise ConfigError(f"{given}: it takes no arguments, as it is no xacro file; got {told}")
    else:
        file = given
    if args.output is not None:
        _refuse_existing(args.output, args.force)
    heard = None
    if args.joint_states_from_graph:
        from neon_control.nodes.robot_listening import listen

        heard = _with_node(args, lambda node, spin: listen(node, args.seconds, spin))
        print(
            f"heard: {len(heard.joints)} joints, {len(heard.commanded)} topics of commands, {len(heard.images)} of images, "
            f"{len(heard.actions)} actions of grippers"
        )
    draft = draft_robot(file, args.urdf, arguments, heard)
    output = args.output or Path(f"{_plain(str(draft.name.value))}.yaml")
    _refuse_existing(output, args.force)
    if not args.urdf.startswith(PACKAGE):
        draft.urdf = Stated(_seen_from(output, given))
    text, decisions = write_draft(draft)
    with output.open("w" if args.force else "x", encoding="utf-8") as stream:
        stream.write(text)
    return _tell(output, draft, decisions)


def _refuse_existing(file: Path, force: bool) -> None:
    if file.exists() and not force:
        raise ConfigError(f"{file} is there already; --force overwrites it, --output names another one")


def _plain(name: str) -> str:
    """A name of a file from that of a robot."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name) or "robot"


def _seen_from(output: Path, file: Path) -> str:
    """A URDF as a robot file calls it: relative to it where it lies beside or below it, or in a folder beside."""
    folder = output.absolute().parent.resolve()
    near = file.is_relative_to(folder) or file.is_relative_to(folder.parent)
    return os.path.relpath(file, folder) if near else str(file)


def _tell(file: Path, draft: Draft, decisions: list[Decision]) -> int:
    """Print what was guessed and what is to be decided; 1 where the file does not load although nothing is left open in it."""
    lines = [f"{group.name} ({len(group.joints)}): {', '.join(group.joints)}" for group in draft.groups.groups]
    lines += [f"not commanded ({len(draft.groups.left_out)}): {', '.join(draft.groups.left_out)}"] * bool(draft.groups.left_out)
    lines += ["", f"{file} is written. Marked `{MARK.rstrip(':')}` in it:"]
    needed = [decision for decision in decisions if decision.needed]
    for decision in [*needed, *(decision for decision in decisions if not decision.needed)]:
        lines.append(f"  line {decision.line}, {decision.field}: {'NEEDED: ' * decision.needed}{decision.text}")
    error = ""
    if needed:
        lines.append(f"{len(decisions)} to decide; the file does not load before {len(needed)} of them are stated: NEEDED")
    else:
        try:
            lines.append(f"{len(decisions)} to decide; the file loads as it is, with {len(load_robot(file).joints)} joints")
        except ConfigError as found:
            error = f"{len(decisions)} to decide, and the file does not load: {found}"
    lines += [*filter(None, (error,)), f"then compare it with the running robot: neon_control robot check {file}"]
    print(printable("\n".join(lines), lines=True))
    return 1 if error else 0


def _check(args: argparse.Namespace) -> int:
    from neon_control.nodes.processes import domain_id
    from neon_control.nodes.robot_check import WRONG, check
    from neon_control.nodes.robot_graph import Seen, observe

    robot = load_robot(find_file(args.file, "config"))
    base = "no base" if robot.base is None else f"a base that {'goes' if robot.base.axes[1] else 'does not go'} sideways"
    print(f"{robot.file}: {robot.name}, {len(robot.joints)} joints, {base}")

    def look(node: Node, spin: Callable[[float], None]) -> Seen:
        print(f"listening for {args.seconds:g} s in ROS domain {domain_id() if args.domain is None else args.domain}")
        return observe(node, robot, args.seconds, spin)

    findings = check(robot, _with_node(args, look))
    for finding in findings:
        print(f"{finding.level:9} {finding.text}")
        if finding.mend:
            print(f"{'':9}   -> {finding.mend}")
    wrong = sum(finding.level == WRONG for finding in findings)
    print("nothing wrong was seen" if not wrong else f"{wrong} wrong")
    return 1 if wrong else 0


def _with_node(args: argparse.Namespace, look: Callable[[Node, Callable[[float], None]], T]) -> T:
    """What `look` finds with a node of ours, and what lets its callbacks run for some seconds."""
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.node import Node

    from neon_control.nodes.start import start_ros
    from neon_control.nodes.transport import choose_transport

    choose_transport()
    start_ros([], args.domain)
    try:
        node = Node(NAME, namespace=args.namespace or None, start_parameter_services=False)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        return look(node, lambda seconds: executor.spin_once(timeout_sec=seconds))
    finally:
        rclpy.try_shutdown()
