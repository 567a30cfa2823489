"""Loading a second policy while the first one runs."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from neon_control.core.common.errors import NeonControlError, PolicyError
from neon_control.core.robot.robot import Robot
from neon_control.runtime.encoders.backbone import BackboneOptions
from neon_control.runtime.policy.policy import Policy
from neon_control.runtime.policy.policy_file import PolicyFile, check_robot, find_local_policy, read_description


class PolicyLoading:
    """One policy, loaded, verified and warmed up in a thread of its own.

    Args:
        name, robot, options: see `Policy.load`.
        running: what `policy.yaml` says of the policy that is to be replaced.
    """

    def __init__(self, name: str | Path, robot: Robot, options: BackboneOptions, running: PolicyFile) -> None:
        self.name = str(name)
        self.policy: Policy | None = None  # until it is loaded, and for ever if it is refused
        self.problem = ""  # why it is refused
        self.seconds = 0.0  # [s] how long it took
        self._thread = threading.Thread(target=self._run, args=(robot, options, running), name="policy loading", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether the other attributes are final."""
        return not self._thread.is_alive()

    def _run(self, robot: Robot, options: BackboneOptions, running: PolicyFile) -> None:
        start = time.monotonic()
        try:
            policy = Policy.load(self.name, robot, options)
            check_successor(policy.file, running)
            self.policy = policy
        except NeonControlError as error:
            self.problem = str(error)
        except Exception as error:  # whatever is wrong with the new policy, the old one has to go on
            self.problem = f"{type(error).__name__}: {error}"
        self.seconds = time.monotonic() - start


def check_wanted(name: str, robot: Robot | None = None, running: PolicyFile | None = None) -> None:
    """What can be said at once against a policy before it is loaded. Nothing of a repository that would have to be downloaded.

    Raises:
        PolicyError: there is none of this name, its description is wrong, or it fits neither the robot nor the place of the running one.
    """
    folder = find_local_policy(name)
    if folder is None:
        return
    new = read_description(folder)
    if robot is not None:
        check_robot(new, robot)
    if running is not None:
        check_successor(new, running)


def check_successor(new: PolicyFile, running: PolicyFile) -> None:
    """Refuse to replace a policy by one that the executor, set up for the first, would not follow.

    Raises:
        PolicyError: mode, joints, base or number of steps differ; the message has both sides.
    """
    for field, ours, theirs in (
        ("mode", new.space.mode, running.space.mode),
        ("joints", list(new.space.joint_names), list(running.space.joint_names)),
        ("action dimensions", new.space.dim, running.space.dim),
        ("steps of a chunk", new.num_steps, running.num_steps),
    ):
        if ours != theirs:
            raise PolicyError(
                f"policy {new.name} has the {field} {ours}, the running policy {running.name} has {theirs}; "
                "such a change needs a restart of both nodes"
            )
