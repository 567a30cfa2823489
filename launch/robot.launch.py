"""Policy and control loop on a robot: `ros2 launch neon_control robot.launch.py`.

Tuning lives in the parameter file; the arguments here are what differs between deployments. An argument left empty
keeps what the parameter file says. The nodes configure and activate themselves (parameter `autostart`).

Whatever can fail comes first: `launch` leaves running what it has just started when something fails, or Ctrl-C comes, while it
works through a file. So nothing is started before arguments, files, packages and topics are known to be right, and the nodes that move
the robot come last. They end when the launch does, however that ends, and the launch ends when one of them could not start.

`rviz:=true` shows what the robot plans: docs/visualisation.md.
"""

import os
import re
import shlex
import signal
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction
from launch.events.process import ProcessExited
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import Command, LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackagePrefix, FindPackageShare

PACKAGE = "neon_control"
# The nodes, and which arguments overrule their parameter of the same name.
OVERRIDES = {
    "inference_node": ("robot_config", "policy"),
    "executor_node": ("robot_config",),
    "monitor_node": ("robot_config",),
}
CONTROL, MONITOR = ("inference_node", "executor_node"), "monitor_node"
LAUNCHER = "NEON_CONTROL_LAUNCH"  # environment variable: the process whose end ends our nodes (neon_control/nodes/launched.py)
# Arguments that launch itself reads, in any launch file.
ARGUMENTS_OF_LAUNCH = {"launch-prefix", "launch-prefix-filter", "sigterm_timeout", "sigkill_timeout", "emulate_tty"}
GHOST = "ghost"  # prefix of the frames of the robot as it is commanded


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments, start the nodes. (Each node chooses the DDS transport for itself, as images need it.)"""
    return LaunchDescription(
        [
            DeclareLaunchArgument("robot_config", default_value="", description="robot description (YAML); empty: as in params_file"),
            DeclareLaunchArgument("policy", default_value="", description="policy folder; empty: as in params_file"),
            DeclareLaunchArgument(
                "params_file",
                default_value=PathJoinSubstitution([FindPackageShare(PACKAGE), "config", "robot.yaml"]),
                description="parameters of the nodes",
            ),
            DeclareLaunchArgument("namespace", default_value="", description="namespace of the nodes and their topics"),
            DeclareLaunchArgument(
                "use_sim_time", default_value="false", choices=["true", "false"], description="take the time from /clock"
            ),
            DeclareLaunchArgument(
                "log_level",
                default_value="info",
                choices=["debug", "info", "warn", "error", "fatal"],
                description="least severe log message",
            ),
            DeclareLaunchArgument("rviz", default_value="false", choices=["true", "false"], description="show the plan in RViz"),
            DeclareLaunchArgument(
                "monitor",
                default_value="false",
                choices=["true", "false"],
                description="what rviz needs, without RViz: for Foxglove, or RViz on another machine",
            ),
            DeclareLaunchArgument(
                "state_publisher",
                default_value="true",
                choices=["true", "false"],
                description="with rviz or monitor: publish TF and robot_description; false where the robot's drivers do",
            ),
            DeclareLaunchArgument(
                "record", default_value="false", choices=["true", "false"], description="record a bag of all that the nodes see and say"
            ),
            OpaqueFunction(function=everything),
        ]
    )


def everything(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """All that is to be started, after all that can be found wrong before."""
    interrupts = note_interrupts()
    refuse_unknown_arguments(context)
    entities = [*viewers(context), *recorder(context), *nodes(context)]
    for process in entities:  # launch would look for programs one by one, while it starts them
        "".join(part.perform(context) for part in process.cmd[0])
    return [] if interrupts else entities


def note_interrupts() -> list[int]:
    """From now on Ctrl-C only does what launch makes of it; gets an entry when it comes.

    launch reads signals from a pipe, but leaves Python's own handler alone: a KeyboardInterrupt, wherever it just is. In the midst of
    starting a node (the first second) it left launch waiting for ever, or the node without an owner.
    """
    interrupts: list[int] = []
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda number, frame: interrupts.append(number))
    return interrupts


def refuse_unknown_arguments(context: LaunchContext) -> None:
    """An argument that none of our files has is a slip, and launch would say nothing: `robot:=arm6.yaml` would move a G1.

    Only where one of our files was launched: the arguments of somebody else's file that includes ours are theirs.
    """
    words = [word for word in sys.argv[1:] if ":=" not in word]
    files = (file for word in words for file in sorted(Path(__file__).parent.glob("*.launch.py")) if is_file(word, file, PACKAGE in words))
    for file in files:
        known = {a.name for a in PythonLaunchDescriptionSource(str(file)).get_launch_description(context).get_launch_arguments()}
        for name in (argument.split(":=")[0] for argument in context.argv):
            if name not in known | ARGUMENTS_OF_LAUNCH:
                near = get_close_matches(name, known, 1, 0.5)
                hint = f"did you mean {near[0]}? It" if near else "it"
                raise ValueError(f"{file.name} has no argument {name}; {hint} takes {', '.join(sorted(known))}")


def is_file(word: str, file: Path, of_package: bool) -> bool:
    """Whether a word of the command line names this launch file."""
    return word == file.name if of_package else Path(word).exists() and Path(word).samefile(file)


def nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Policy and control loop."""
    return [own_node(node, parameters(context, node)) for node in CONTROL]


def own_node(node: str, given: list[Any]) -> Node:
    """A node of this package, with its parameters."""
    return Node(
        package=PACKAGE,
        executable=node,
        name=node,
        namespace=LaunchConfiguration("namespace"),
        parameters=given,
        ros_arguments=["--log-level", LaunchConfiguration("log_level")],
        additional_env={LAUNCHER: str(os.getpid())},
        on_exit=ended(node),
        output="screen",
    )


def ended(name: str) -> Callable[[ProcessExited, LaunchContext], None]:
    """What the end of a process means: an error (not a stop that somebody asked for) is one of the launch.

    An exception ends a launch with the exit code 1; the action Shutdown would end it with 0.
    """

    def on_exit(event: ProcessExited, context: LaunchContext) -> None:
        by_signal = name == MONITOR and event.returncode < 0  # a viewer that was killed: the robot does not need it
        if event.returncode not in (0, -signal.SIGINT) and not by_signal and not context.is_shutdown:
            raise RuntimeError(f"{name} ended with exit code {event.returncode}; its own words stand above. Everything is stopped")

    return on_exit


def viewers(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """What shows the plan, if it is wanted: the monitor, the robot as measured and as commanded (a ghost), and RViz."""
    wanted = {name for name in ("rviz", "monitor", "state_publisher") if LaunchConfiguration(name).perform(context) == "true"}
    if not wanted & {"rviz", "monitor"}:
        return []
    description = urdf(context)
    tree = ElementTree.fromstring(description)
    children = {child.get("link") for child in tree.iterfind("joint/child")}
    root = next(link.get("name", "") for link in tree.iterfind("link") if link.get("name") not in children)
    ghost = {"joint_states": "monitor/ghost_joint_states", "robot_description": "monitor/ghost_description"}
    transform = ["--frame-id", root, "--child-frame-id", f"{GHOST}/{root}"]  # the ghost stands where the robot stands
    layout = PathJoinSubstitution([FindPackageShare(PACKAGE), "config", "robot.rviz"])
    robot = {"robot_description": ParameterValue(description, value_type=str)}  # the type, or launch would read it as YAML
    rsp = "robot_state_publisher"
    entities = [
        own_node(MONITOR, parameters(context, MONITOR)),
        other_node(context, rsp, rsp, "ghost_state_publisher", robot | {"frame_prefix": f"{GHOST}/"}, remappings=ghost.items()),
        other_node(context, "tf2_ros", "static_transform_publisher", "ghost_root_publisher", {}, arguments=transform),
    ]
    if "state_publisher" in wanted:
        entities.append(other_node(context, rsp, rsp, rsp, robot))
    if "rviz" in wanted:
        entities.append(other_node(context, "rviz2", "rviz2", "rviz2", {}, arguments=["-d", layout]))
    return entities


def other_node(context: LaunchContext, package: str, executable: str, name: str, given: dict[str, Any], **options: Any) -> Node:
    """A node of another package in our namespace, on our clock."""
    simulated = LaunchConfiguration("use_sim_time").perform(context) == "true"
    namespace = LaunchConfiguration("namespace")
    return Node(
        package=package, executable=executable, name=name, namespace=namespace, parameters=[given | {"use_sim_time": simulated}], **options
    )


def urdf(context: LaunchContext) -> str:
    """The robot's URDF: the monitor itself tells what its parameters lead to."""
    file, given = parameters(context, MONITOR)
    words = ["ros2", "run", PACKAGE, MONITOR, "--print-urdf", "--ros-args", "--params-file", file]
    words += [word for name in OVERRIDES[MONITOR] if name in given for word in ("-p", f"{name}:={given[name]}")]
    return Command(shlex.join(words), on_stderr="warn").perform(context)


def parameters(context: LaunchContext, node: str) -> list[str | dict[str, str | bool | int]]:
    """The parameter file of `node`, then what was given as an argument."""
    given = {name: LaunchConfiguration(name).perform(context) for name in ("params_file", "use_sim_time", *OVERRIDES[node])}
    if not Path(given["params_file"]).is_file():  # launch itself would only warn, and the nodes run on values that nobody meant
        raise FileNotFoundError(f"params_file: no such file: {given['params_file']}")
    overrides: dict[str, str | bool | int] = {name: given[name] for name in OVERRIDES[node] if given[name]}
    if node == "executor_node" and (steps := chunk_steps(LaunchConfiguration("policy").perform(context))):
        overrides["chunk_steps"] = steps
    return [given["params_file"], {"use_sim_time": given["use_sim_time"] == "true", **overrides}]


def chunk_steps(policy: str) -> int | None:
    """Steps of a chunk of a policy that was given as an argument: the executor refuses chunks of any other length.

    None where the parameter file says which policy runs, for then it also says this; and of one that is not on this computer.
    """
    places = [Path(policy), Path(__file__).parents[1] / "resource" / "policies" / policy]
    file = next((place / "policy.yaml" for place in places if policy and (place / "policy.yaml").is_file()), None)
    found = re.search(r"^num_steps: (\d+)$", file.read_text(), re.MULTILINE) if file else None
    return int(found[1]) if found else None


def recorder(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """With record:=true, `ros2 bag record` with the topics that `neon_control record` takes; the bag goes into the working directory."""
    if LaunchConfiguration("record").perform(context) != "true":
        return []
    for package in ("ros2bag", "rosbag2_storage_mcap"):
        FindPackagePrefix(package).perform(context)  # `ros2 bag` would fail after the nodes have started
    sim_time = ["--use-sim-time"] if LaunchConfiguration("use_sim_time").perform(context) == "true" else []
    topics = Command(topics_command(context), on_stderr="warn").perform(context).split()
    return [ExecuteProcess(cmd=["ros2", "bag", "record", "--storage", "mcap", *sim_time, "--topics", *topics], output="screen")]


def topics_command(context: LaunchContext) -> str:
    """The command that prints the robot's topics, one a line."""
    options = {"params_file": "--params-file", "robot_config": "--robot", "namespace": "--namespace"}
    words = ["ros2", "run", PACKAGE, PACKAGE, "topics"]
    for name, option in options.items():
        value = LaunchConfiguration(name).perform(context)
        words += [option, value] if value else []
    return shlex.join(words)
