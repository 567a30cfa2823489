"""The simulated robot: MuJoCo scene, expert, voice, and the node that stands in for its drivers."""

import os

# MuJoCo reads this when it is first imported: render off-screen, also where there is no display.
os.environ.setdefault("MUJOCO_GL", "egl")
