"""A Python with LeRobot in it, apart from ours, made once in the user's cache when NEON_LEROBOT asks for it: 5.4 GB, most of it PyTorch
for CUDA."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import platformdirs
import pytest

LEROBOT = "lerobot[dataset]==0.6.1"  # needs Python 3.12, and other versions of PyTorch and PyAV than ours
FOLDER = platformdirs.user_cache_path("neon_control_tests", appauthor=False) / "lerobot"
DISK_GB = 12  # while it is made
PEER = Path(__file__).with_name("lerobot_peer.py")
LIMIT = 1500.0  # [s] of the installation; 200 were measured


def lerobot_python() -> Path:
    """The interpreter; skips the test where there is none and none can be made, and says why."""
    python, complete = FOLDER / "bin/python", FOLDER / f"{LEROBOT}.complete"
    if "NEON_LEROBOT" not in os.environ:
        pytest.skip(f"NEON_LEROBOT=1 tries it beside {LEROBOT}, which it installs into {FOLDER} (5.4 GB, 200 s)")
    if complete.exists():
        return python
    base = next((p for name in ("python3.12", "python3.13") if (p := shutil.which(name)) and _runs(p)), None)
    if base is None:
        pytest.skip("LeRobot needs Python 3.12 or 3.13, there is none")
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    if (free := shutil.disk_usage(FOLDER.parent).free / 1e9) < DISK_GB:
        pytest.skip(f"LeRobot's installation needs {DISK_GB} GB of disk, {free:.0f} are free in {FOLDER.parent}")
    for command in ([base, "-m", "venv", "--clear", FOLDER], [python, "-m", "pip", "install", "--retries", "1", LEROBOT]):
        done = subprocess.run([str(w) for w in command], capture_output=True, text=True, timeout=LIMIT, check=False)
        if done.returncode:
            pytest.skip(f"LeRobot cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
    complete.touch()
    return python


def peer(*words: object) -> None:
    """Run `lerobot_peer.py`."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"HF_HUB_OFFLINE": "1"}
    line = [str(lerobot_python()), str(PEER), *map(str, words)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=600, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def _runs(python: str) -> bool:
    return subprocess.run([python, "-c", "import venv"], capture_output=True, timeout=60, check=False).returncode == 0
