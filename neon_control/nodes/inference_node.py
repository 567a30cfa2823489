"""Entry point of the inference node: prepare the process, then import and run the node (`inference.py`)."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from neon_control.core.thread_pools import let_idle_threads_sleep
from neon_control.nodes.transport import choose_transport


def main(args: Sequence[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM; returns the exit code."""
    choose_transport()
    let_idle_threads_sleep()
    # Only now: both settings are read when rclpy and numpy are loaded.
    from neon_control.nodes.inference import InferenceNode
    from neon_control.nodes.lifecycle import run

    return run(InferenceNode, args)


if __name__ == "__main__":
    sys.exit(main())
