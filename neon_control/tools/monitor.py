"""`neon_control monitor`: a browser page that shows a running system, with an e-stop button.

It attaches to what runs: the nodes on a robot, the simulation, a bag that is played back. It needs the robot file, for joints,
shapes and topics, and nothing else; nodes may start, end and come back while it runs.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import Place, load
from neon_control.core.common.yaml_file import read_mapping
from neon_control.core.robot.robot_file import load_robot
from neon_control.monitor.link import Link  # here, not later: importing rclpy from PyPI re-executes Python once
from neon_control.nodes.processes import MAX_DOMAIN, domain_id
from neon_control.nodes.transport import choose_transport
from neon_control.teleop.gamepad import GamepadFile
from neon_control.tools.arguments import add_page, positive, whole

EPILOG = """\
examples:
  neon_control monitor                                      the G1, in the domain of ROS_DOMAIN_ID
  neon_control monitor --robot my_arm.yaml --namespace /left
  neon_control monitor --host 0.0.0.0 --name robot.lan      show it to the network: whoever has the token that is printed
                                                            can stop, reset and enable the robot; nothing is encrypted
  ssh -L 8080:127.0.0.1:8080 robot                          the safer way to look from another computer
  neon_control monitor --takeover                           and take over from the page: hands that are dragged,
                                                            sliders, keys, a gamepad at the browser's computer

On the page: drag turns the view, the wheel zooms. Blue and translucent is what is commanded; a line shows where the newest chunk
takes each arm. What has stopped coming is grey and says for how long. A bag needs `neon_control monitor` and its player in one domain.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    text = "robot description, as for the nodes (default: config/%(default)s)"
    parser.add_argument("--robot", default="g1.yaml", metavar="FILE", help=text)
    parser.add_argument("--namespace", default="", metavar="NAME", help="namespace of the nodes and their topics")
    parser.add_argument("--domain", type=whole(0, MAX_DOMAIN), metavar="ID", help="DDS domain (default: ROS_DOMAIN_ID, or 0)")
    add_page(parser)
    parser.add_argument("--audio-rate", type=whole(1), metavar="HZ", help="sample rate of the audio topic (default: the robot file's)")
    parser.add_argument("--audio-channels", type=whole(1), metavar="N", help="channels of the audio topic (default: the robot file's)")
    text = "whoever reaches the page may also take the robot over there; the executor's limits hold, and its e-stop beats it"
    parser.add_argument("--takeover", action="store_true", help=text)
    parser.add_argument("--map", type=Path, metavar="FILE", help="YAML: what a gamepad's axes and buttons do there, as for teleop")
    text = "a page that says nothing for so long has let go of the robot (default: %(default)g)"
    parser.add_argument("--silence", type=positive, default=0.12, metavar="SECONDS", help=text)
    parser.add_argument("--light", action="store_true", help="bright colours")


def run(args: argparse.Namespace) -> int:
    robot = load_robot(args.robot)
    if args.map is not None and not args.takeover:
        raise ConfigError("--map says what a gamepad does that takes over: it needs --takeover")
    gamepad = load(GamepadFile, {} if args.map is None else read_mapping(args.map), Place(str(args.map)))
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # through all `with` blocks
    from neon_control.monitor.page import MonitorPage
    from neon_control.monitor.streams import Streams
    from neon_control.monitor.takeover import Takeover

    choose_transport()
    domain = domain_id() if args.domain is None else args.domain
    with Link("monitor", args.namespace, domain) as link:
        streams = Streams(link.node, robot, args.audio_rate, args.audio_channels)
        takeover = Takeover(link, robot, streams, gamepad, light=args.light, silence=args.silence) if args.takeover else None
        page = MonitorPage(link, robot, streams, args.host, args.port, args.name, light=args.light, takeover=takeover)
        try:
            link.start()
            print(f"{robot.name}, ROS domain {domain}: the page is at {page.url}; Ctrl-C ends it", file=sys.stderr)
            if page.problem:
                print(f"the robot is not drawn: {page.problem}", file=sys.stderr)
            for mesh, reason in page.left_out.items():
                print(f"not drawn: {mesh}: {reason}", file=sys.stderr)
            page.run()
        finally:
            if takeover is not None:
                takeover.close()
            page.close()
    return 0
