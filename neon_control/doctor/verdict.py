"""From figures to a verdict: good, doubtful or bad, with a reason for each thing that is wrong, in one line.

A reason is bad where an episode would teach something false, or nothing; doubtful where somebody should look at it. Every threshold below
says why it is where it is. Some things show only beside the other episodes of a set: those are judged last, by `beside`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neon_control.core.robot.action_space import ActionSpace
from neon_control.doctor.figures import EpisodeFigures
from neon_control.doctor.labels import LabelFigures
from neon_control.doctor.motion import MotionFigures
from neon_control.recordings.observer import CAMERA, JOINTS

GOOD, DOUBTFUL, BAD = "good", "doubtful", "bad"
VERDICTS = (GOOD, DOUBTFUL, BAD)  # from best to worst
UNUSABLE = "cannot be used: "  # begins the reason of what no sample comes from; the reader's report says why

LOST = 0.2  # share of an episode without messages of a stream: beyond it, what is missing decides what is learnt
ANY_GAP_S = 0.2  # [s] the live node refuses an image or a joint state that is older: a policy never sees what such a gap teaches
JITTER = 0.3  # of the interval: chunks are learnt at even steps, and a third of a step off is a third of a step's motion
SKEW_S = 0.05  # [s] at 1 rad/s a joint has moved by 3 degrees, which is what a hand's breadth away from the target looks like
CAMERA_SKEW = 1.0  # periods of the first camera: cameras that run freely are up to half a period apart
IDLE = 0.5  # share: a policy that sees standing still more often than motion learns to stand still
STILL = 0.98  # share: an accident, or a pause that is to be learnt; commands that move while the joints do not are worse
JUMP = 0.25  # of a range from one instant to the next: only grippers are that fast; else an encoder or a driver was reset
OUTSIDE = 0.05  # share of the time outside the range: wrong units, or a robot file of another robot
AT_LIMIT = 0.5  # share of the time at an end of the range, for a joint that also moves: its commands are cut there
UNTOLD = 0.6  # share of the movement that the actions do not tell: actions of something else leave 0.8 and more, a following robot 0.2
BADLY_TOLD = 0.35  # the same, from which it is worth a look: a fifth of that is a lag of a quarter of the motion's period
LABELS_S = 2.0  # [s] of motion below which a robot that starts far from its commands looks like one that does not follow them
GAIN = (0.7, 1.4)  # outside of it the actions are in another scale, as for what a dataset's units can mean
LATE_S = 0.5  # [s] robots follow their controllers within some hundredths to tenths of a second
EARLY_S = 0.02  # [s] states before their actions: actions were stamped late, or are measured themselves
BLANK = 0.5  # share of black or plain images: a lens cap, an unplugged camera
FROZEN_BAD, FROZEN = 0.5, 0.25  # share of images that stay the same while joints move: an arm may leave the picture for a while
REPEATED = 0.25  # share of images that are the one before: the recording has more of them than the camera made
UNUSED = 0.2  # share of the images that give no sample
SHORT, JERKY = 0.33, 3.0  # of the set's median duration and jerk; a try that was broken off, a hand that trembled
RATE = 0.2  # by which a stream's rate may differ from the set's
LEAST_SET = 5  # episodes from which on one can be unlike the others
NAMED = 4  # joints that a reason names


@dataclass(frozen=True)
class Reason:
    """Something that is wrong with an episode."""

    verdict: str  # DOUBTFUL or BAD
    text: str  # one line


@dataclass(frozen=True)
class Judged:
    """An episode with its verdict; small, since one is kept of each."""

    recording: str  # its name in lists of episodes: as much of its path as tells it from the others
    number: int  # of the episode within it
    alone: bool  # whether the recording is one episode
    seconds: float
    samples: int
    reasons: tuple[Reason, ...]
    content: str = ""  # hash, see `EpisodeFigures`
    images_hz: float = math.nan
    jitter_s: float = math.nan  # of the first camera
    skew_s: float = math.nan  # largest of the streams' medians
    unseen: float = math.nan  # largest share of blank or frozen images of a camera
    idle: float = math.nan  # share of the time
    jerk: float = math.nan  # [rad/s^3]
    lag_s: float = math.nan  # where the labels say something
    gain: float = math.nan

    @property
    def name(self) -> str:
        """What people call it."""
        return self.recording if self.alone else f"{self.recording} [{self.number}]"

    @property
    def verdict(self) -> str:
        """The worst of its reasons."""
        return max((r.verdict for r in self.reasons), key=VERDICTS.index, default=GOOD)


def own_reasons(figures: EpisodeFigures, space: ActionSpace, dark: bool = False) -> list[Reason]:
    """What an episode shows by itself, the worst first; `dark`: its images are black on purpose, to teach to rest."""
    found = [*_use(figures), *_timing(figures), *_pictures(figures, dark)]
    if figures.motion is not None:
        found += _motion(figures.motion, space)
    if figures.labels is not None:
        found += _labels(figures.labels, space)
    return sorted(found, key=lambda reason: -VERDICTS.index(reason.verdict))


def _use(figures: EpisodeFigures) -> list[Reason]:
    found = []
    images = max((p.images for p in list(figures.pictures.values())[:1]), default=0)
    if figures.success is False:
        found.append(Reason(BAD, "labelled as failed"))
    if not figures.samples:
        found.append(Reason(BAD, "no usable sample"))
    elif figures.samples < (1.0 - UNUSED) * images:
        found.append(Reason(DOUBTFUL, f"{100.0 * (1.0 - figures.samples / images):.0f} % of the images give no sample"))
    return found


def _timing(figures: EpisodeFigures) -> list[Reason]:
    found = []
    for name, stream in figures.streams.items():
        if figures.roles[name] not in (CAMERA, JOINTS):
            continue  # commands may be sparse, and the reader reports their gaps, and those of sound
        if stream.lost > LOST and stream.messages:
            found.append(Reason(BAD, f"{name}: {100.0 * stream.lost:.0f} % of the time without messages"))
        elif gaps := [length for _, length in stream.gaps if length > ANY_GAP_S]:
            found.append(Reason(DOUBTFUL, f"{name}: {len(gaps)} gaps, the longest {max(gaps):.2f} s"))
        if stream.jitter_s * stream.rate_hz > JITTER:
            text = f"{name}: jitter of {1e3 * stream.jitter_s:.0f} ms at intervals of {1e3 / stream.rate_hz:.0f} ms"
            found.append(Reason(DOUBTFUL, text))
        if stream.backwards:
            found.append(Reason(DOUBTFUL, f"{name}: {stream.backwards} messages are stamped before the one before them"))
    first = next(iter(figures.pictures), "")
    period = 1.0 / figures.streams[first].rate_hz if first in figures.streams else np.nan
    for pair, apart in figures.skews.items():
        two_cameras = pair.split(" to ")[1] in figures.pictures
        limit = max(SKEW_S, CAMERA_SKEW * period) if two_cameras else SKEW_S
        if apart.worst_s > limit:
            found.append(Reason(DOUBTFUL, f"{pair}: {1e3 * apart.median_s:.0f} ms apart, one in ten {1e3 * apart.worst_s:.0f} ms or more"))
    return found


def _pictures(figures: EpisodeFigures, dark: bool) -> list[Reason]:
    found = []
    for name, seen in figures.pictures.items():
        if not seen.looked_at or (dark and seen.blank == 1.0):
            continue
        if seen.blank > BLANK:
            found.append(Reason(BAD, f"{name}: {100.0 * seen.blank:.0f} % of the images are black or of one colour"))
        elif seen.blank:
            found.append(Reason(DOUBTFUL, f"{name}: {100.0 * seen.blank:.0f} % of the images are black or of one colour"))
        elif seen.frozen > FROZEN:
            verdict = BAD if seen.frozen > FROZEN_BAD else DOUBTFUL
            found.append(Reason(verdict, f"{name}: shows the same in {100.0 * seen.frozen:.0f} % of the times in which joints moved"))
        if seen.repeated > REPEATED and not seen.blank:
            found.append(Reason(DOUBTFUL, f"{name}: {100.0 * seen.repeated:.0f} % of the images are the one before once more"))
    return found


def _motion(motion: MotionFigures, space: ActionSpace) -> list[Reason]:
    found = []
    if motion.idle > STILL:
        found.append(Reason(DOUBTFUL, "nothing moves at all"))
    elif motion.idle > IDLE:
        ends = {"begin": motion.idle_begin_s, "end": motion.idle_end_s}
        where = ", ".join(f"{seconds:.1f} s at the {name}" for name, seconds in ends.items() if seconds > 0.0)
        found.append(Reason(DOUBTFUL, f"nothing moves in {100.0 * motion.idle:.0f} % of the time" + (f", {where}" if where else "")))
    fixed = np.array([i not in space.turning for i in range(space.num_joints)])
    rigid = np.array([i not in space.absolute and "grip" not in n.lower() for i, n in enumerate(space.joint_names)])
    if jumping := _joints(space, (motion.jumps > JUMP) & fixed & rigid):
        found.append(Reason(DOUBTFUL, f"from one instant to the next more than {100.0 * JUMP:.0f} % of the range: {jumping}"))
    if outside := _joints(space, (motion.outside > OUTSIDE) & fixed):
        found.append(Reason(BAD, f"outside their ranges: {outside}"))
    moves = motion.used[:, 1] - motion.used[:, 0] > 0.05
    if at_limit := _joints(space, (motion.at_limit > AT_LIMIT) & moves & fixed):
        found.append(Reason(DOUBTFUL, f"at an end of their ranges most of the time: {at_limit}"))
    return found


def _labels(labels: LabelFigures, space: ActionSpace) -> list[Reason]:
    lag = f"{1e3 * labels.lag_s:.0f} ms"
    if labels.seconds < LABELS_S:
        return [Reason(DOUBTFUL, "the states do not follow the actions, as far as so short a piece tells")] if labels.error > UNTOLD else []
    if labels.error > UNTOLD:
        text = f"the states do not follow the actions: {100.0 * labels.error:.0f} % of the movement is untold at any lag"
        return [Reason(BAD, text)]
    if labels.copied:
        return [Reason(DOUBTFUL, "the actions are the states of the same instant: the first step of a chunk teaches to stand still")]
    found = []
    if strays := _joints(space, labels.joint_errors > UNTOLD):
        found.append(Reason(BAD, f"the states do not follow the actions of {strays}"))
    elif labels.error > BADLY_TOLD:
        found.append(Reason(DOUBTFUL, f"the states follow the actions badly: {100.0 * labels.error:.0f} % of the movement is untold"))
    if not GAIN[0] < labels.gain < GAIN[1]:
        found.append(Reason(BAD, f"the states go {labels.gain:.2f} times as far as the actions: another unit or scale"))
    if labels.lag_s > LATE_S:
        found.append(Reason(DOUBTFUL, f"the states follow the actions {lag} later"))
    elif labels.lag_s < -EARLY_S and labels.lag_steps < -0.75:
        found.append(Reason(DOUBTFUL, f"the actions come {lag.removeprefix('-')} after the states: stamped late, or measured themselves"))
    return found


def _joints(space: ActionSpace, which: np.ndarray) -> str:
    """Names of the joints (J,) that are meant; empty for none."""
    names = [name for name, is_meant in zip(space.joint_names, which, strict=True) if is_meant]
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def beside(episodes: Sequence[Judged]) -> list[list[Reason]]:
    """What each episode shows beside the others: twice the same, much shorter, much jerkier, another rate of images."""
    usable = [e for e in episodes if e.samples]
    compared = len(usable) >= LEAST_SET
    seconds, jerk, rate = (
        float(np.nanmedian(values)) if compared and np.isfinite(values).any() else np.nan
        for values in (np.array([getattr(e, name) for e in usable]) for name in ("seconds", "jerk", "images_hz"))
    )
    first: dict[str, str] = {}
    found = []
    for episode in episodes:
        reasons = []
        if episode.content and (twin := first.setdefault(episode.content, episode.name)) != episode.name:
            reasons.append(Reason(BAD, f"the same as {twin}"))
        if episode.samples and episode.seconds < SHORT * seconds:
            reasons.append(Reason(DOUBTFUL, f"lasts {episode.seconds:.1f} s, the median {seconds:.1f} s"))
        if episode.jerk > JERKY * jerk:
            reasons.append(Reason(DOUBTFUL, f"jerk of {episode.jerk:.1f} rad/s³, the median is {jerk:.1f}"))
        if abs(episode.images_hz / rate - 1.0) > RATE:
            reasons.append(Reason(DOUBTFUL, f"{episode.images_hz:.1f} images a second, the median is {rate:.1f}"))
        found.append(reasons)
    return found
