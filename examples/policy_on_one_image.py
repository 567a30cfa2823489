"""A policy on one image: which chunk of actions does the shipped policy make of it?

python examples/policy_on_one_image.py [photo.png]
"""

import sys

import numpy as np
from PIL import Image

from neon_control import Observation, Policy, load_robot

robot = load_robot("g1.yaml")
policy = Policy.load("g1_reach", robot)
names = policy.file.space.joint_names

image = np.asarray(Image.open(sys.argv[1]).convert("RGB")) if len(sys.argv) > 1 else np.zeros((480, 640, 3), np.uint8)
observation = Observation(
    stamp=0,  # [ns]
    image=image,  # (H, W, 3) uint8 RGB
    joint_positions=np.zeros(len(names)),  # (J,) [rad]
    audio=np.zeros(32000, np.float32),  # (32000,) two seconds of silence at 16 kHz
)
chunk = policy.predict(observation)

print(f"{policy.file.name}: {chunk.num_steps} steps of {chunk.dt} s for {len(names)} joints")
for name, first, last in zip(names, chunk.joints[0], chunk.joints[-1], strict=True):
    print(f"  {name}: {first:+.3f} to {last:+.3f} rad")
