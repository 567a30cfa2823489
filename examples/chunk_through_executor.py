"""A chunk through the executor, without ROS: it holds, ramps, follows, and stops when no further chunk comes.

python examples/chunk_through_executor.py
"""

import numpy as np

from neon_control import ActionChunk, ActionSpace, ExecutorSettings, MotionExecutor, load_robot

robot = load_robot("arm6.yaml")  # six joints, no base
names = ActionSpace.from_robot(robot, "arms_only").joint_names
executor = MotionExecutor(robot, names, ExecutorSettings(start_ramp=0.1))
period = round(1e9 * executor.period)  # [ns]

pose = np.zeros(len(names))  # (J,) [rad]
goal = np.tile(np.full(len(names), 0.2), (executor.settings.chunk_steps, 1))  # (H, J) [rad]
before = ""
for now in range(0, 1_500_000_000, period):  # [ns]
    executor.add_joint_states(now, names, pose.tolist())
    if now < 1_000_000_000 and now % 50_000_000 == 0:  # a policy of 20 Hz, which dies after one second
        executor.add_chunk("joints", ActionChunk(now, 0.05, names, goal))
    command = executor.tick(now)
    if command is not None:
        pose = command.positions  # a perfect robot: it is where it was told to be
    state = executor.supervisor.state.value
    if state != before:
        print(f"{now * 1e-9:.2f} s: {state}, first joint at {pose[0]:.3f} rad")
        before = state
