"""Entry point of the inference node: prepare the process, then import and run the node (`inference.py`)."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence

from neon_control.core.common.thread_pools import let_idle_threads_sleep
from neon_control.nodes.transport import choose_transport


def main(args: Sequence[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM; returns the exit code."""
    choose_transport()
    let_idle_threads_sleep()
    # Only now: both settings are read when rclpy and numpy are loaded.
    from neon_control.nodes.inference import InferenceNode
    from neon_control.nodes.lifecycle import run

    code = run(InferenceNode, args)
    if any(thread.daemon for thread in threading.enumerate()):
        # One still loads a policy, or infers for longer than a stop waits. All is said and closed; and Python's own end would take it out
        # of a C++ library, which aborts the process.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
