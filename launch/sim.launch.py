"""The simulated robot together with policy and control loop: `ros2 launch neon_control sim.launch.py`.

Takes the arguments of robot.launch.py; the simulated robot stands in for the drivers of a real one.
"""

import runpy
from pathlib import Path

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

ROBOT_LAUNCH = Path(__file__).with_name("robot.launch.py")


def generate_launch_description() -> LaunchDescription:
    """Everything of robot.launch.py, then the robot."""
    return LaunchDescription(
        [
            # Declares the arguments and sets the environment, so it comes first.
            IncludeLaunchDescription(PythonLaunchDescriptionSource(str(ROBOT_LAUNCH))),
            OpaqueFunction(function=nodes),
        ]
    )


def nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The simulated robot; with use_sim_time it is the one that publishes the time."""
    return [runpy.run_path(str(ROBOT_LAUNCH))["own_node"]("sim_node", parameters(context))]


def parameters(context: LaunchContext) -> list[str | dict[str, str | bool]]:
    """The parameter file, then what was given as an argument."""
    params_file, use_sim_time, robot_config = (
        LaunchConfiguration(name).perform(context) for name in ("params_file", "use_sim_time", "robot_config")
    )
    overrides: dict[str, str | bool] = {"robot_config": robot_config} if robot_config else {}
    return [params_file, {"publish_clock": use_sim_time == "true", **overrides}]
