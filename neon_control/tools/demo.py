"""`neon_control demo`: the simulated robot, the inference node and the executor as three processes; watched in a browser, or counted.

With `--driver unitree` the simulated robot speaks Unitree's interface, and our driver for it stands between, as a fourth process.

Headless, it runs `--episodes` trials and writes the figures as JSON. A trial: a colour is spoken, and the cube of that colour
must be within 5 cm of a hand for 0.5 s within 12 s, or, where the task is pick_place, lie in the tray and be left alone for as long
within 25 s; touching the other cube first is a failure. Ran to the end means exit code 0, however often the robot succeeded.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
import webbrowser
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import platformdirs
from tqdm import tqdm

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.paths import find_file
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot
from neon_control.demo.link import DemoLink  # here, not later: importing rclpy from PyPI re-executes Python once
from neon_control.demo.trials import run_trials
from neon_control.demo.unitree import HANDED_OVER, UnitreeDemoLink
from neon_control.monitor.link import EXECUTOR
from neon_control.nodes.processes import ProcessError, ProcessGroup, free_domain_id, node_command, prepare_environment
from neon_control.runtime.encoders.vision import MODEL_FILE, build_cache, cache_folder
from neon_control.runtime.policy.policy_file import find_policy, read_description
from neon_control.sim.description import simulated_mode
from neon_control.tools.arguments import IMAGE_SIZES, add_page, new_file, whole
from neon_control.tools.topics import robot_file

UNITREE = "unitree"
LINKS: dict[str | None, type[DemoLink]] = {None: DemoLink, UNITREE: UnitreeDemoLink}
LATE = 0.5  # [s] of lowstate, before the driver gives the arms back: here it is this computer that is late, not a robot
START_LIMIT = 90.0  # [s] from the start of the processes to a robot that follows its policy


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--headless", action="store_true", help="no page: run episodes and report")
    parser.add_argument("--episodes", type=whole(1), default=20, metavar="N", help="episodes of a headless run (default: %(default)s)")
    parser.add_argument("--seed", type=whole(0), default=0, metavar="S", help="series of episodes (default: %(default)s)")
    parser.add_argument("--json", type=new_file, metavar="FILE", help="write the figures of a headless run here")
    parser.add_argument(
        "--driver",
        choices=(UNITREE,),
        help="let the commands reach the simulated robot through a real one's own interface, and through our driver for it",
    )
    parser.add_argument("--mute", action="store_true", help="nobody speaks")
    parser.add_argument("--blind", action="store_true", help="black images")
    parser.add_argument("--width", type=whole(*IMAGE_SIZES), default=320, help="camera image, pixels (default: %(default)s)")
    parser.add_argument("--height", type=whole(*IMAGE_SIZES), default=240, help="camera image, pixels (default: %(default)s)")
    parser.add_argument("--policy", help="policy folder or name (default: as in the parameter file)")
    parser.add_argument("--robot", help="robot description (default: as in the parameter file)")
    parser.add_argument("--params-file", default="robot.yaml", metavar="FILE", help="parameters of the nodes (default: config/%(default)s)")
    add_page(parser)
    parser.add_argument("--no-open", action="store_true", help="do not open the page in a browser")
    parser.add_argument("--log-folder", type=Path, metavar="FOLDER", help="where the nodes write logs (default: the user's log folder)")


def run(args: argparse.Namespace) -> int:
    if args.driver == UNITREE and find_spec("cyclonedds") is None:
        raise ConfigError("--driver unitree needs the package cyclonedds: pip install 'neon_control[unitree]'")
    params_file = find_file(args.params_file, "config")
    robot = load_robot(robot_file(args.robot, args.params_file))
    if not (cache_folder() / MODEL_FILE).is_file():  # exporting it takes longer than a node may take to start
        print("exporting the vision encoder, once on this machine ...", file=sys.stderr)
        build_cache()
    domain = prepare_environment()
    folder = args.log_folder or platformdirs.user_log_path("neon_control", appauthor=False) / time.strftime("demo-%Y%m%d-%H%M%S")
    os.environ["ROS_LOG_DIR"] = str(folder.absolute())
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # through all `with` blocks, so that no process stays behind
    print(f"ROS domain {domain}, logs in {folder}", file=sys.stderr)
    try:
        with ProcessGroup(folder) as group:
            _start_nodes(group, args, params_file, robot)
            with LINKS[args.driver](robot.controllers[0].topic if args.headless else None) as link:
                _await_robot(link, group.check)
                return _headless(args, link, group.check) if args.headless else _page(args, link, robot, group.check)
    except ProcessError as error:
        print(f"neon_control demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if args.headless:
            raise
        print("stopped", file=sys.stderr)
        return 0


def _start_nodes(group: ProcessGroup, args: argparse.Namespace, params_file: Path, description: Robot) -> None:
    robot = {"robot_config": args.robot} if args.robot else {}
    mode = {"mode": simulated_mode(description)} if description.parts["hands"] else {}
    policy = {"policy": args.policy} if args.policy else {}
    steps = {"chunk_steps": read_description(find_policy(args.policy)).num_steps} if args.policy else {}
    sim = {"width": args.width, "height": args.height, "seed": args.seed, "mute": args.mute, "blind": args.blind}
    if args.driver == UNITREE:
        # On this computer alone, and in a domain of its own: another demo, or a robot's real network, must not hear it.
        wire = {"network_interface": "lo", "domain": free_domain_id()}
        sim |= {"speech_delay": HANDED_OVER}
        # The policy has learnt with arms that do not sag.
        driver = {"state_timeout": LATE, "gravity_feedforward": 1.0}
        group.start("unitree_sim_node", node_command("neon_control.sim.unitree.node", params_file, {**robot, **sim, **wire}))
        group.start("unitree_node", node_command("neon_control.robots.unitree.node", params_file, {**robot, **wire, **driver}))
    else:
        group.start("sim_node", node_command("neon_control.sim.sim_node", params_file, {**robot, **sim}))
    group.start("executor_node", node_command("neon_control.nodes.executor_node", params_file, {**robot, **mode, **steps}))
    group.start("inference_node", node_command("neon_control.nodes.inference_node", params_file, {**robot, **policy}))


def _await_robot(link: DemoLink, check: Callable[[], None]) -> None:
    """Return when the robot follows its policy; on a computer that is too slow for that, when all nodes run."""
    with tqdm(total=1, desc="starting", bar_format="{desc}: {elapsed} {postfix}", file=sys.stderr, disable=None, leave=False) as bar:

        def show() -> None:
            bar.set_postfix_str("; ".join(link.missing()))

        ready = link.wait(lambda: not link.missing(), START_LIMIT, check, show)
    problems = link.missing()
    if not ready and len(problems) == 1 and problems[0].startswith(EXECUTOR):
        print(f"going on, although the robot does not follow its policy ({problems[0]}); is this computer too busy?", file=sys.stderr)
    elif not ready:
        raise ProcessError(f"the robot is not ready after {START_LIMIT:.0f} s: {'; '.join(problems)}")


def _headless(args: argparse.Namespace, link: DemoLink, check: Callable[[], None]) -> int:
    figures = run_trials(link, args.episodes, args.seed, check) | link.more_figures()
    text = json.dumps(figures, indent=2)
    if args.json is not None:
        args.json.write_text(text + "\n")
    print(text)
    return 0


def _page(args: argparse.Namespace, link: DemoLink, robot: Robot, check: Callable[[], None]) -> int:
    from neon_control.demo.page import DemoPage

    page = DemoPage(link, robot, args.host, args.port, args.name)
    try:
        print(f"the robot is at {page.url}; Ctrl-C ends it", file=sys.stderr)
        if not args.no_open and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or sys.platform == "darwin"):
            webbrowser.open(page.url)
        page.run(check)
    finally:
        page.close()
    return 0
