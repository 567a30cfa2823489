"""Our reading of LeRobot datasets beside LeRobot's own: the same frames, numbers and pixels, and how long each takes.

    .venv/bin/python test/benchmarks/lerobot_reading.py --frames 150 --size 480 640

A table goes to standard output. Both read frame after frame in one process; what starts LeRobot and opens the dataset is not counted.
Seconds are those of processor time, of all threads, so that what else runs on the computer counts little.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "recordings"))

from lerobot_2_1 import write_2_1
from lerobot_peer import CAMERAS, FEATURES, NAMES
from lerobot_venv import peer

from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.recording_names import LeRobotNames, RecordingConfig
from neon_control.recordings.finding import Report, find_recordings
from neon_control.recordings.lerobot.export import LeRobotExport

JOINTS = ("pan", "lift", "gripper")
NAMED = dict(zip(JOINTS, NAMES, strict=True))
SPACE = ActionSpace("arms_only", JOINTS, {"arms": slice(0, 3)}, np.full(3, -200.0), np.full(3, 200.0))
VIEWS = [Camera(name, f"{name}/image_raw") for name in CAMERAS]
LEROBOT = LeRobotNames(state=NAMED, action=NAMED)  # numbers are compared as they are in the dataset
CONFIG = RecordingConfig(base="", lerobot=LEROBOT, robot_cameras=CAMERAS).looking_through(VIEWS)


@dataclass(frozen=True)
class Difference:
    """Of two readings of a dataset."""

    frames: tuple[int, int]  # ours, LeRobot's
    numbers: float  # the largest of any state or action, in the dataset's units
    pixels: int  # the largest of any pixel of any camera
    tasks: int  # frames of which another task is read
    seconds: tuple[float, float]  # of processor time, for all frames
    backend: str  # with which LeRobot decoded videos


def compared(root: Path, theirs: Path, config: RecordingConfig = CONFIG, features: tuple[str, ...] = tuple(FEATURES)) -> Difference:
    """Our reading beside LeRobot's, which `lerobot_peer.py read` wrote to `theirs`."""
    facts = json.loads((theirs / "facts.json").read_text())
    states, actions, *images = (np.load(theirs / f"{k}.npy", mmap_mode="r") for k in ("observation.state", "action", *features))
    count, numbers, pixels, tasks, seconds = 0, 0.0, 0, 0, 0.0
    for recording in find_recordings(root, config):
        samples = recording.samples(SPACE, 1.0 / 30.0, 1, report=Report())
        while True:
            begin = time.process_time()
            sample = next(samples, None)
            seconds += time.process_time() - begin
            if sample is None:
                break
            observation = sample.observation
            for ours, other in ((observation.joint_positions, states[count]), (sample.actions[0], actions[count])):
                numbers = max(numbers, float(np.abs(ours - other).max()))
            for (ours,), other in zip(observation.clips, (i[count] for i in images), strict=True):
                pixels = max(pixels, int(np.abs(ours.astype(np.int16) - other).max()))
            tasks += observation.instruction != facts["tasks"][count]
            count += 1
    return Difference((count, facts["frames"]), numbers, pixels, tasks, (seconds, facts["seconds"]), facts["backend"])


def exported(root: Path, source: Path) -> Path:
    """A dataset, written by our own export."""
    with LeRobotExport(root, SPACE, "my_arm", 30, "", CAMERAS) as dataset:
        for recording in find_recordings(source, CONFIG):
            dataset.add(recording, 1.0 / 30.0, Report())
    return root


def run(folder: Path, frames: int, size: tuple[int, int]) -> dict[str, Difference]:
    """Each kind of dataset -> what differs."""
    kinds = {"3.0, LeRobot's video (AV1)": "video", "3.0, LeRobot's images (PNG)": "image"}
    found = {}
    for words, kind in kinds.items():
        peer("write", folder / kind, 2, frames, *size, kind)
        peer("read", folder / kind, folder / f"{kind}_read")
        found[words] = compared(folder / kind, folder / f"{kind}_read")
    old = write_2_1(folder / "old", 2, frames, size)
    shutil.copytree(old, folder / "converted")
    peer("convert", folder / "converted")
    peer("read", folder / "converted", folder / "converted_read")
    found["2.1 (H.264); LeRobot reads what it converts to 3.0"] = compared(old, folder / "converted_read")
    export = exported(folder / "export", folder / "video")
    peer("read", export, folder / "export_read")
    own = RecordingConfig(base="", robot_cameras=CAMERAS).looking_through(VIEWS)
    found["3.0, our export (H.264)"] = compared(export, folder / "export_read", own)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=150, help="of each of two episodes")
    parser.add_argument("--size", type=int, nargs=2, default=(480, 640), metavar=("HEIGHT", "WIDTH"))
    args = parser.parse_args()
    print(
        "| dataset | frames, ours / LeRobot | numbers differ by | pixels differ by | tasks differ in frames | CPU seconds, 1,000 frames |"
    )
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="lerobot-") as folder:
        for words, d in run(Path(folder), args.frames, tuple(args.size)).items():
            ours, theirs = (1000.0 * s / f for s, f in zip(d.seconds, d.frames, strict=True))
            row = (f"{d.frames[0]} / {d.frames[1]}", f"{d.numbers:g}", d.pixels, d.tasks, f"{ours:.1f} / {theirs:.1f} ({d.backend})")
            print("| " + " | ".join(map(str, (words, *row))) + " |")


if __name__ == "__main__":
    main()
