"""Policy and control loop on a robot: `ros2 launch neon_control robot.launch.py`.

Tuning lives in the parameter file; the arguments here are what differs between deployments. An argument left empty
keeps what the parameter file says. The nodes configure and activate themselves (parameter `autostart`).
"""

import shlex
from pathlib import Path

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction
from launch.substitutions import Command, LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

PACKAGE = "neon_control"
# The nodes, and which arguments overrule their parameter of the same name.
OVERRIDES = {
    "inference_node": ("robot_config", "policy"),
    "executor_node": ("robot_config",),
}


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments, start both nodes. (Each node chooses the DDS transport for itself, as images need it.)"""
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
            DeclareLaunchArgument(
                "record", default_value="false", choices=["true", "false"], description="record a bag of all that the nodes see and say"
            ),
            OpaqueFunction(function=nodes),
            OpaqueFunction(function=recorder),
        ]
    )


def nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The nodes, each with the parameter file and the arguments that overrule it."""
    return [
        Node(
            package=PACKAGE,
            executable=node,
            name=node,
            namespace=LaunchConfiguration("namespace"),
            parameters=parameters(context, node),
            ros_arguments=["--log-level", LaunchConfiguration("log_level")],
            output="screen",
        )
        for node in OVERRIDES
    ]


def parameters(context: LaunchContext, node: str) -> list[str | dict[str, str | bool]]:
    """The parameter file of `node`, then what was given as an argument."""
    given = {name: LaunchConfiguration(name).perform(context) for name in ("params_file", "use_sim_time", *OVERRIDES[node])}
    if not Path(given["params_file"]).is_file():  # launch itself would only warn, and the nodes run on values that nobody meant
        raise FileNotFoundError(f"params_file: no such file: {given['params_file']}")
    overrides: dict[str, str | bool] = {name: given[name] for name in OVERRIDES[node] if given[name]}
    return [given["params_file"], {"use_sim_time": given["use_sim_time"] == "true", **overrides}]


def recorder(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """With record:=true, `ros2 bag record` with the topics that `neon_control record` takes; the bag goes into the working directory."""
    if LaunchConfiguration("record").perform(context) != "true":
        return []
    sim_time = ["--use-sim-time"] if LaunchConfiguration("use_sim_time").perform(context) == "true" else []
    topics = Command(topics_command(context)).perform(context).split()
    return [ExecuteProcess(cmd=["ros2", "bag", "record", "--storage", "mcap", *sim_time, "--topics", *topics], output="screen")]


def topics_command(context: LaunchContext) -> str:
    """The command that prints the robot's topics, one a line."""
    options = {"params_file": "--params-file", "robot_config": "--robot", "namespace": "--namespace"}
    words = ["ros2", "run", PACKAGE, PACKAGE, "topics"]
    for name, option in options.items():
        value = LaunchConfiguration(name).perform(context)
        words += [option, value] if value else []
    return shlex.join(words)
