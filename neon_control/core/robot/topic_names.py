"""Names of topics, as docs/topics.md has them: relative, so that a namespace holds a robot, but for the one of all nodes.

They are text, so that neither a launch file nor a report needs ROS for them. Controllers and cameras are named in the robot file.
"""

CAMERA = "camera/image_raw"  # of a robot file that names no camera
AUDIO, JOINT_STATES, INSTRUCTION = "audio", "joint_states", "instruction"
CHUNK_JOINTS, CHUNK_BASE = "action_chunk/joints", "action_chunk/base"
PLAN_JOINTS, PLAN_BASE = "action_plan/joints", "action_plan/base"
TAKEOVER_ENABLE, TAKEOVER_JOINTS, TAKEOVER_BASE = "takeover/enable", "takeover/joints", "takeover/base"
COMMANDER = "commander"  # who leads the robot
BASE_COMMAND, DIAGNOSTICS = "cmd_vel", "/diagnostics"
ODOMETRY, IMU = "odom", "imu"
EPISODES = ("sim_node/episode", "unitree_sim_node/episode")
CONTEXT = (ODOMETRY, IMU, *EPISODES)  # for people and judges; nothing reads them to act
# An attempt at a task and how it went, as a person says it to `neon_control record --episodes`.
EPISODE_STATE, EPISODE_NOTE = "episode/state", "episode/note"
EPISODE_SERVICES = ("begin", "success", "failure", "discard", "keep")  # each episode/<name>
