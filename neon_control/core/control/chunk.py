"""A chunk: what the policy wants over the next H steps, as a function of time.

Step i of a chunk holds for the instant ``stamp + i * dt``, where the stamp is the time of the *observation*, not of the
computation: whoever evaluates the chunk later finds the right step, whatever the latency was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neon_control.core.common.errors import ChunkError


@dataclass(frozen=True)
class ActionChunk:
    """H future actions of one policy step.

    Attributes:
        stamp: [ns] time of the observation.
        dt: [s] time between steps.
        joint_names: the J joints of `joints`.
        joints: (H, J) joint positions [rad].
        base: (H, 3) base velocities [m/s, m/s, rad/s], or (H, 0) on a robot without a base.

    Raises:
        ChunkError: shapes disagree, dt is not positive, or a value is not finite.
    """

    stamp: int
    dt: float
    joint_names: tuple[str, ...]
    joints: np.ndarray
    base: np.ndarray

    def __post_init__(self) -> None:
        if self.joints.ndim != 2 or self.joints.shape[1] != len(self.joint_names):
            raise ChunkError("shape", f"joints has shape {self.joints.shape}, needs (steps, {len(self.joint_names)})")
        if self.base.shape not in ((len(self.joints), 3), (len(self.joints), 0)):
            raise ChunkError("shape", f"base has shape {self.base.shape}, needs ({len(self.joints)}, 3) or ({len(self.joints)}, 0)")
        if not (np.isfinite(self.dt) and self.dt > 0.0):
            raise ChunkError("dt", f"dt must be positive, got {self.dt}")
        if not (np.isfinite(self.joints).all() and np.isfinite(self.base).all()):
            raise ChunkError("non_finite", "the policy produced NaN or infinity")

    @property
    def num_steps(self) -> int:
        """H."""
        return len(self.joints)
