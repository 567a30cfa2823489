"""A robot file checked: what is in it, or what is wrong with it.

python examples/robot_file_checked.py [robot.yaml]
"""

import sys

from neon_control import ActionSpace, NeonControlError, load_robot

file = sys.argv[1] if len(sys.argv) > 1 else "g1.yaml"
try:
    robot = load_robot(file)
except NeonControlError as error:
    sys.exit(f"{error}")  # names file, field, what was given and what is needed

print(f"{robot.name}: {len(robot.joints)} joints, {'a base' if robot.base else 'no base'}, cameras {[c.name for c in robot.cameras]}")
for controller in robot.controllers:
    print(f"  {controller.name} ({controller.type}) drives {len(controller.joints)} joints on {controller.topic}")
for mode in ("arms_only", "upper_body", "whole_body"):
    print(f"  {mode}: an action has {ActionSpace.from_robot(robot, mode).dim} numbers")
for joint in robot.joints.values():
    print(f"  {joint.name}: {joint.lower:+.2f} to {joint.upper:+.2f} rad, at most {joint.max_velocity:.2f} rad/s")
