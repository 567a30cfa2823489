"""Bags of a robot that is taught a motion, with one thing wrong at a time: what a doctor of recordings has to find."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from bag_writer import BagWriter, header, image, joint_state, make, trajectory

from neon_control.core.robot.robot_file import load_robot

NAMES = tuple(load_robot("g1.yaml").parts["arms"])
PHASES = np.arange(len(NAMES)) * 0.4
CAMERA, WRIST = "camera/image_raw", "wrist/image_raw"


@dataclass(frozen=True)
class Lesson:
    """How a bag differs from a good one; all times in seconds since its begin."""

    seconds: float = 5.0
    seed: int = 0
    lag: float = 0.08  # of the joints behind their commands
    gain: float = 1.0  # of the joints
    image_hz: float = 20.0
    state_hz: float = 100.0
    jitter: float = 0.0  # every other image is later by this
    gap: tuple[float, float] = (0.0, 0.0)  # without images
    frozen_from: float = np.inf  # the camera shows the same from here on
    black: bool = False
    moves: tuple[float, float] = (-np.inf, np.inf)  # the arm does
    wrong_labels: bool = False  # commands of another motion
    noise: float = 0.0  # [rad] of the joints, a trembling hand's
    wrist_late: float | None = None  # a second camera, so much later than the first
    success: bool | None = None


def angles(times: np.ndarray, lesson: Lesson) -> np.ndarray:
    """(T, J) [rad] commanded."""
    inside = np.clip(times, *lesson.moves)
    shift = np.random.default_rng(lesson.seed).uniform(0.0, 6.0)
    return 0.2 + 0.15 * np.sin(2.2 * inside[:, None] + PHASES + shift)


def write_lesson(path: Path, **changes: object) -> Path:
    """A bag of `Lesson`, with some `changes`."""
    lesson = replace(Lesson(), **changes)  # type: ignore[arg-type]
    draw = np.random.default_rng(lesson.seed + 1000)
    ticks = np.arange(0.0, lesson.seconds, 1.0 / lesson.state_hz)
    states = angles(ticks - lesson.lag, lesson) * lesson.gain + draw.normal(0.0, lesson.noise, (len(ticks), len(NAMES)))
    commands = angles(ticks, replace(lesson, seed=lesson.seed + 7) if lesson.wrong_labels else lesson)
    if lesson.wrong_labels:
        commands = np.cumsum(draw.normal(0.0, 0.01, commands.shape), axis=0)
    events: list[tuple[float, str, object]] = []
    for t, state, command in zip(ticks, states, commands, strict=True):
        events.append((t, "joint_states", joint_state(t, NAMES, state)))
        events.append((t, "arm_controller/joint_trajectory", trajectory(t, NAMES, (0.0, command))))
        events.append((t, "cmd_vel", make("geometry_msgs/msg/TwistStamped", header(t), still())))
    for number, t in enumerate(np.arange(0.01, lesson.seconds, 1.0 / lesson.image_hz)):
        t += lesson.jitter * (number % 2)
        if lesson.gap[0] <= t < lesson.gap[1]:
            continue
        shown = picture(min(t, lesson.frozen_from), lesson)
        events.append((t, CAMERA, image(t, shown)))
        if lesson.wrist_late is not None:
            events.append((t + lesson.wrist_late, WRIST, image(t + lesson.wrist_late, shown[::-1])))
    if lesson.success is not None:
        events.append((lesson.seconds - 0.01, "episode/success", make("std_msgs/msg/Bool", lesson.success)))
    with BagWriter(path) as bag:
        for t, topic, message in sorted(events, key=lambda event: event[0]):
            bag.write(topic, t, message)
    return path


def picture(time: float, lesson: Lesson) -> np.ndarray:
    """(96, 112, 3) a bar for each joint, as high as its angle; black with the cap on."""
    shown = np.full((96, 112, 3), 0 if lesson.black else 60, np.uint8)
    if not lesson.black:
        heights = np.round(48 + 300 * (angles(np.array([time]), lesson)[0] - 0.2)).astype(int)
        for joint, height in enumerate(heights):
            shown[height:, 8 * joint : 8 * joint + 7] = (220, 180 - 8 * joint, 40 + 10 * joint)
    return shown


def still() -> object:
    zero = make("geometry_msgs/msg/Vector3", 0.0, 0.0, 0.0)
    return make("geometry_msgs/msg/Twist", zero, zero)
