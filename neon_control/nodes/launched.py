"""A node that a launch file of ours has started ends with that launch, in order.

`ros2 launch` leaves its processes running when it is killed, gets SIGTERM, or fails while it starts them: an executor that nobody owns.
Our launch files say in an environment variable which process they run in; without it (`ros2 run` in a shell) a node stands alone.
"""

from __future__ import annotations

import os
import signal
from collections.abc import MutableMapping

from neon_control.core.common.errors import ConfigError
from neon_control.nodes.parent_death import parent_death

LAUNCHER = "NEON_CONTROL_LAUNCH"  # as in launch/robot.launch.py


def end_with_launch(environment: MutableMapping[str, str] = os.environ) -> None:
    """From now on SIGTERM comes when the launch ends.

    Raises:
        ConfigError: it has ended already.
    """
    launcher = environment.pop(LAUNCHER, "")  # not for processes that this one starts
    if not launcher.isdecimal():
        return
    parent_death(signal.SIGTERM)()
    if os.getppid() != int(launcher) and not _lives(int(launcher)):  # a launch-prefix stands in between
        raise ConfigError(f"the launch that started this node, process {launcher}, has ended")


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
