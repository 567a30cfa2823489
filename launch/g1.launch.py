"""Policy, control loop and the driver of a Unitree G1: `ros2 launch neon_control g1.launch.py network_interface:=eth0`.

`simulated:=true` starts a stand-in of the robot on this computer, too. Takes the arguments of robot.launch.py beside its own; docs/g1.md
says what has to be done before the first motion.
"""

import runpy
from pathlib import Path

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

ROBOT_LAUNCH = Path(__file__).with_name("robot.launch.py")
DRIVER, STAND_IN = "unitree_node", "unitree_sim_node"
ROBOT, SIMULATOR = {"network_interface": "", "domain": 0}, {"network_interface": "lo", "domain": 1}


def generate_launch_description() -> LaunchDescription:
    """Everything of robot.launch.py, then the driver, and the robot if there is none."""
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "network_interface", default_value="", description="network of the robot, for example eth0; empty: chosen"
            ),
            DeclareLaunchArgument("domain", default_value="", description="domain of the robot's DDS; empty: 0, simulated 1"),
            DeclareLaunchArgument(
                "max_weight", default_value="", description="of our motion of the arms; 0.1 for the first time; empty: 1"
            ),
            DeclareLaunchArgument(
                "simulated", default_value="false", choices=["true", "false"], description="start a stand-in of the robot, too"
            ),
            # Declares the other arguments and sets the environment.
            IncludeLaunchDescription(PythonLaunchDescriptionSource(str(ROBOT_LAUNCH))),
            OpaqueFunction(function=nodes),
        ]
    )


def nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The driver, and the stand-in where it is wanted."""
    given = {
        name: LaunchConfiguration(name).perform(context)
        for name in ("params_file", "robot_config", "network_interface", "domain", "max_weight", "simulated", "use_sim_time")
    }
    if given["use_sim_time"] == "true":
        raise ValueError("use_sim_time: the driver of a G1 works in real time, with a stand-in as well")
    simulated = given["simulated"] == "true"
    wire = dict(SIMULATOR if simulated else ROBOT)
    if given["network_interface"]:
        wire["network_interface"] = given["network_interface"]
    if given["domain"]:
        wire["domain"] = int(given["domain"])
    robot = {"robot_config": given["robot_config"]} if given["robot_config"] else {}
    weight = {"max_weight": float(given["max_weight"])} if given["max_weight"] else {}
    own_node = runpy.run_path(str(ROBOT_LAUNCH))["own_node"]
    stand_in = [own_node(STAND_IN, [given["params_file"], {**wire, **robot}])] if simulated else []
    return [*stand_in, own_node(DRIVER, [given["params_file"], {**wire, **robot, **weight}])]
