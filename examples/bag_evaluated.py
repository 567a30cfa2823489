"""A policy judged on a recording, without ROS: how far its chunks are from what was done on the day.

python examples/bag_evaluated.py path/to/bag [policy] [robot.yaml]
"""

import sys

import numpy as np

from neon_control import Bag, Policy, evaluate, load_robot

bag_path, policy_name, robot_file = (*sys.argv[1:], *("g1_reach", "g1.yaml")[len(sys.argv) - 2 :])
robot = load_robot(robot_file)
policy = Policy.load(policy_name, robot)

with Bag(bag_path) as bag:
    print(f"{(bag.end - bag.start) * 1e-9:.1f} s, topics: {', '.join(sorted(bag.topics))}")
    judged, verdict = evaluate(bag, policy, robot)

print(verdict)
for name, errors in zip(policy.file.space.names, np.moveaxis(judged.errors.error, 2, 0), strict=True):  # each (K, H)
    known = np.abs(errors[np.isfinite(errors)])
    print(f"  {name}: " + (f"{known.mean():.3f}" if known.size else "nothing recorded"))  # [rad], for the base [m/s] and [rad/s]
