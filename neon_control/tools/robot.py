"""`neon_control robot check FILE`: a robot file, loaded and compared with the robot that is running."""

from __future__ import annotations

import argparse

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from neon_control.core.common.paths import find_file
from neon_control.core.robot.robot_file import load_robot
from neon_control.nodes.processes import domain_id
from neon_control.nodes.robot_check import WRONG, check
from neon_control.nodes.robot_graph import observe
from neon_control.nodes.start import start_ros
from neon_control.nodes.transport import choose_transport
from neon_control.tools.arguments import positive, ros_name, whole

NAME = "robot_check"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["check"], help="check: load the file, and compare it with the running graph")
    parser.add_argument("file", metavar="FILE", help="robot file (YAML), a path or a file of the package's config/")
    parser.add_argument("--seconds", type=positive, default=3.0, help="how long to listen (default: %(default)s)")
    parser.add_argument("--namespace", type=ros_name, default="", metavar="NS", help="namespace of the robot's topics")
    parser.add_argument("--domain", type=whole(0, 232), help="DDS domain (default: ROS_DOMAIN_ID)")


def run(args: argparse.Namespace) -> int:
    robot = load_robot(find_file(args.file, "config"))
    base = "no base" if robot.base is None else f"a base that {'goes' if robot.base.axes[1] else 'does not go'} sideways"
    print(f"{robot.file}: {robot.name}, {len(robot.joints)} joints, {base}")
    choose_transport()
    start_ros([], args.domain)
    try:
        node = Node(NAME, namespace=args.namespace or None, start_parameter_services=False)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        print(f"listening for {args.seconds:g} s in ROS domain {domain_id() if args.domain is None else args.domain}")
        findings = check(robot, observe(node, robot, args.seconds, lambda seconds: executor.spin_once(timeout_sec=seconds)))
    finally:
        rclpy.try_shutdown()
    for finding in findings:
        print(f"{finding.level:9} {finding.text}")
        if finding.mend:
            print(f"{'':9}   -> {finding.mend}")
    wrong = sum(finding.level == WRONG for finding in findings)
    print("nothing wrong was seen" if not wrong else f"{wrong} wrong")
    return 1 if wrong else 0
