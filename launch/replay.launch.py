"""A recording through policy and control loop: `ros2 launch neon_control replay.launch.py bag:=PATH`.

Plays the bag with its time on /clock, and starts the nodes of robot.launch.py on that time; takes the arguments of that file too. What the
nodes said on the day is played under /recorded, so that only the living ones speak to a controller. Choose a ROS_DOMAIN_ID without a robot.
"""

import runpy
import shlex
from collections.abc import Mapping
from pathlib import Path

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, ExecuteProcess, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import Command, LaunchConfiguration
from launch_ros.substitutions import FindPackagePrefix

PACKAGE = "neon_control"
CLOCK_HZ = "200"
ROBOT_LAUNCH = Path(__file__).with_name("robot.launch.py")


def generate_launch_description() -> LaunchDescription:
    """Everything of robot.launch.py on simulated time, then the player, which is made first: what is wrong with the bag starts no node."""
    made: list[LaunchDescriptionEntity] = []
    return LaunchDescription(
        [
            DeclareLaunchArgument("bag", description="folder of the recording"),
            DeclareLaunchArgument("rate", default_value="1.0", description="bag seconds in a second"),
            DeclareLaunchArgument("start_offset", default_value="0.0", description="begin this many seconds after the bag's begin"),
            # The nodes take seconds to load a policy, and the recording should not begin before they listen.
            DeclareLaunchArgument("delay", default_value="15.0", description="seconds to wait for the nodes before playing"),
            OpaqueFunction(function=lambda context: made.extend(player(context))),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(ROBOT_LAUNCH)),
                launch_arguments={"use_sim_time": "true"}.items(),
            ),
            OpaqueFunction(function=lambda context: made),
        ]
    )


def player(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """`ros2 bag play` with the clock and the remappings."""
    bag, rate, start_offset, delay = (LaunchConfiguration(n).perform(context) for n in ("bag", "rate", "start_offset", "delay"))
    if not Path(bag).exists():
        raise FileNotFoundError(f"bag: no such recording: {bag}")
    FindPackagePrefix("ros2bag").perform(context)
    remappings = Command(remappings_command(context), on_stderr="warn").perform(context).split()
    options = ["--clock", CLOCK_HZ, "--rate", rate, "--start-offset", start_offset]
    options += ["--delay", delay] if float(delay) else []  # the player refuses a delay of 0
    environment = transport(context.environment)
    ended = runpy.run_path(str(ROBOT_LAUNCH))["ended"]("ros2 bag play")
    return [
        ExecuteProcess(
            cmd=["ros2", "bag", "play", bag, *options, "--remap", *remappings], additional_env=environment, on_exit=ended, output="screen"
        )
    ]


def transport(environment: Mapping[str, str]) -> dict[str, str]:
    """What lets the player send raw images, nearly all of which are lost otherwise: docs/troubleshooting.md.

    The nodes choose it for themselves; this is the same choice (neon_control/nodes/transport.py).
    """
    profiles, profiles_jazzy = "FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE"
    chosen = any(environment.get(name) for name in ("FASTDDS_BUILTIN_TRANSPORTS", profiles, profiles_jazzy))
    if chosen or "fastrtps" not in environment.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp"):
        return {}
    name = profiles_jazzy if environment.get("ROS_DISTRO") == "jazzy" else profiles
    return {name: str(Path(__file__).parents[1] / "config" / "fastdds.xml")}


def remappings_command(context: LaunchContext) -> str:
    """The command that prints the remappings of the robot's recorded commands and chunks, one a line."""
    options = {"params_file": "--params-file", "robot_config": "--robot", "namespace": "--namespace"}
    words = ["ros2", "run", PACKAGE, PACKAGE, "topics", "--remap"]
    for name, option in options.items():
        value = LaunchConfiguration(name, default="").perform(context)  # robot.launch.py declares them, later
        words += [option, value] if value else []
    return shlex.join(words)
