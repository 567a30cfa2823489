from __future__ import annotations

import signal
import subprocess
import sys

import pytest

CHILD = """
import signal, sys
from neon_control.nodes.parent_death import parent_death
signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("asked to end", flush=True)))
parent_death(signal.SIGTERM)()
print("ready", flush=True)
signal.pause()
"""
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"


@pytest.mark.system
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has it")
def test_a_process_gets_the_signal_when_its_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, CHILD], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None and parent.stdout.readline() == "ready\n"
        parent.send_signal(signal.SIGKILL)
        rest, _ = parent.communicate(timeout=10.0)  # until the child has closed the pipe, too
        assert rest == "asked to end\n"
