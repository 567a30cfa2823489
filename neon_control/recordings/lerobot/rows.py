"""The rows of one episode in order of time, with what is bad left out or filled, and the images that belong to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neon_control.core.common.errors import ConfigError, ObservationError
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.control.executor import POLICY, TAKEOVER
from neon_control.core.robot.recording_names import LeRobotNames
from neon_control.core.sensing.image_kind import COMPRESSED, VIDEO
from neon_control.recordings.leaders import Leaders
from neon_control.recordings.lerobot.columns import filled, frames_in_words, place_of, places, to_matrix
from neon_control.recordings.lerobot.data_file import data_file
from neon_control.recordings.lerobot.layout import Episode, Layout
from neon_control.recordings.lerobot.on_disk import INFO
from neon_control.recordings.lerobot.tasks import INDEX, instructions
from neon_control.recordings.lerobot.video import chosen_frames, codec_of, frame_rate
from neon_control.recordings.observer import UNSEEN
from neon_control.recordings.reading import Report
from neon_control.runtime.decoding.compressed_images import decode_compressed, header_of

ROUNDING_S = 1.0e-4  # [s] what LeRobot tolerates between a time stored in 32 bits and a multiple of the frame's period
OTHER_RATE = 0.02  # share by which the timestamps' rate may differ from that of info.json
INTERVENTIONS = ("intervention", "is_intervention", "complementary_info.is_intervention")  # features that say when a person led
SECTION = "recording.lerobot"  # of the robot file
OUTCOMES = ("next.success", "success", "is_success")  # features that say how an episode ended
START = 1_000 * NANOSECONDS  # [ns] an episode's first stamp; any but 0, which means that there is no clock


@dataclass(frozen=True)
class Part:
    """Numbers of some of a feature's columns, a row for each frame."""

    values: np.ndarray  # (T, D) without gaps: what is bad is filled
    good: np.ndarray  # (T,) whether nothing of the row was filled


class EpisodeRows:
    """One episode's rows.

    Attributes:
        times: (T,) [s] rising.
        came: camera -> how its images come: message or file or video, and the encoding; known of those that were given so far.
        stamps: (T,) [ns] the same, from `START` on.
        rate: [Hz] of the timestamps.

    Args:
        cameras: features with images that will be asked for.
        name: of the episode, in the report.

    Raises:
        ConfigError: a column is missing.
    """

    def __init__(self, layout: Layout, episode: Episode, names: LeRobotNames, cameras: Sequence[str], name: str, report: Report) -> None:
        self._layout, self._episode, self._name, self._report = layout, episode, name, report
        self.came: dict[str, tuple[str, str]] = {}
        self._file = layout.data_file(episode)
        data = data_file(self._file)
        there = data.columns
        wanted = ("timestamp", "frame_index", INDEX, names.state_key, names.action_key, *OUTCOMES, *INTERVENTIONS, *cameras)
        columns = [c for c in dict.fromkeys(wanted) if c in there]
        missing = [c for c in ("timestamp", names.state_key) if c not in columns]
        if missing:
            raise ConfigError(f"{self._file}: needs the columns {missing}, has {there}")
        self._table = data.rows(episode.index, columns)
        self._outcomes = next((self._table[c] for c in OUTCOMES if c in columns), None)  # of all rows, also those that are left out below
        count = len(self._table)
        if count != episode.length:
            report.add(name, None, f"{self._file.name} has {count} frames of {episode.length}")
        self._numbers = np.arange(count)
        self.times = np.zeros(0)
        if count:
            self._sort()
            self._drop_untimed()
        self.rate = self._measure()
        even = np.round(self.times * self.rate) / self.rate
        self.times = np.where(np.abs(even - self.times) < ROUNDING_S, even, self.times)
        self.stamps = [START + round(t * NANOSECONDS) for t in self.times]

    def has(self, feature: str) -> bool:
        """Whether there is such a feature."""
        return feature in self._table.column_names and feature in self._layout.features

    def known(self, feature: str, mapping: Mapping[str, str], wanted: Sequence[str]) -> list[str]:
        """Those of some of our names that a feature has; see `places`."""
        names, width = self._layout.names(feature), to_matrix(self._table[feature]).shape[1]
        return [ours for ours in wanted if place_of(ours, mapping, names, width) is not None]

    def part(self, feature: str, mapping: Mapping[str, str], field: str, wanted: Sequence[str]) -> Part:
        """Some of a feature's columns, in the order `wanted`; what is not finite is reported, and filled.

        Args:
            mapping: our names -> theirs, or places: that of `field` in the robot file.

        Raises:
            ConfigError: as of `places`.
        """
        matrix = to_matrix(self._table[feature])
        where = places(wanted, mapping, self._layout.names(feature), matrix.shape[1], feature, f"{SECTION}.{field}")
        values = matrix[:, where]
        bad = ~np.isfinite(values)
        good = ~bad.any(axis=1)
        if not good.all():
            fields = [n for n, is_bad in zip(wanted, bad.any(axis=0), strict=True) if is_bad]
            frames, given = frames_in_words(self._numbers[~good]), float(values[bad][0])
            effect = "masked" if field == "action" else "left out"
            text = f"{self._file.name}, {frames}: {fields} must be finite numbers, got {given}; {effect}"
            self._report.add(f"{self._name} {feature}", float(self.times[~good][0]), text)
        return Part(filled(values), good)

    def instructions(self) -> list[str]:
        """For each row what is to be done, in words; empty where that is not known."""
        given = INDEX in self._table.column_names
        numbers = to_matrix(self._table[INDEX])[:, 0] if given else np.full(len(self._numbers), np.nan)
        return instructions(self._layout, self._episode, numbers.tolist(), self._name, self._report)

    def images(self, camera: str, chosen: np.ndarray | None = None, begin: int = 0) -> Iterator[np.ndarray | None]:
        """For each row from `begin` on the image of a camera, None where there is none.

        Rows that are not `chosen`, of all of them (T,), are not read: `UNSEEN` stands for them.
        """
        layout, times, rate = self._layout, self.times, self.rate
        if layout.features[camera]["dtype"] == "video":
            video = layout.video_file(self._episode, camera)
            self.came[camera] = VIDEO, codec_of(video)
            if rate != layout.fps:
                theirs = frame_rate(video)
                if theirs is not None and abs(theirs / layout.fps - 1.0) <= OTHER_RATE:  # its images count by number
                    times, rate = self._numbers / layout.fps, layout.fps
            times, chosen = times[begin:], None if chosen is None else chosen[begin:]
            return chosen_frames(video, layout.video_start(self._episode, camera) + times, 0.5 / rate, self._report, chosen)
        if camera not in self._table.column_names:
            raise ConfigError(f"{self._file}: needs the column '{camera}', has {self._table.column_names}")
        return self._decoded(camera, np.ones(len(self.times), bool) if chosen is None else chosen, begin)

    def outcome(self) -> bool | None:
        """Whether the episode ended well, as the dataset says in any of its rows; None where it does not."""
        if self._outcomes is None:
            return None
        said = to_matrix(self._outcomes)
        return bool((said > 0).any()) if np.isfinite(said).any() else None

    def leaders(self) -> Leaders | None:
        """Who led; None where the dataset does not say it. What a row does not say is as the one before it."""
        column = next((c for c in INTERVENTIONS if c in self._table.column_names), None)
        if column is None:
            return None
        leaders = Leaders()
        for stamp, (said, *_) in zip(self.stamps, to_matrix(self._table[column]), strict=True):
            if np.isfinite(said):
                leaders.say(TAKEOVER if said > 0 else POLICY, stamp)
        return leaders

    def _decoded(self, camera: str, chosen: np.ndarray, begin: int) -> Iterator[np.ndarray | None]:
        rows = self._table[camera][begin:], self.times[begin:], self._numbers[begin:], chosen[begin:]
        for cell, time, number, is_chosen in zip(*rows, strict=True):
            if not is_chosen:
                yield UNSEEN
                continue
            try:
                given = cell.as_py()
                if not given or not (given["bytes"] or given["path"]):
                    raise ObservationError("it is empty", (camera,))
                data = given["bytes"] or self._layout.inside(given["path"]).read_bytes()
                image = decode_compressed(data)
                self.came[camera] = COMPRESSED, (header_of(data) or ("unknown",))[0]
            except (ConfigError, ObservationError, OSError, LookupError, TypeError, ValueError) as error:
                self._report.add(f"{self._name} {camera}", float(time), f"frame {number}: no image: {error}", "cell")
                image = None
            yield image

    def _sort(self) -> None:
        self.times = to_matrix(self._table["timestamp"])[:, 0]
        if "frame_index" in self._table.column_names:
            stated = to_matrix(self._table["frame_index"])[:, 0]
            self._numbers = np.where(np.isfinite(stated), stated, self._numbers).astype(np.int64)
        order = np.argsort(self._numbers, kind="stable")
        if (np.diff(order) < 0).any():
            self._report.add(self._name, None, f"{self._file.name}: rows are out of order; they are sorted by frame_index")
            self._keep(order)

    def _drop_untimed(self) -> None:
        finite = np.where(np.isfinite(self.times), self.times, -np.inf)
        before = np.concatenate([[-np.inf], np.maximum.accumulate(finite)[:-1]])
        good = np.flatnonzero(finite > before)
        if len(good) < len(finite):
            frames = frames_in_words(np.delete(self._numbers, good))
            text = f"{self._file.name}, {frames}: timestamp is no number, or does not rise; left out"
            self._report.add(self._name, None, text)
            self._keep(good)

    def _keep(self, rows: np.ndarray) -> None:
        self._table, self.times, self._numbers = self._table.take(rows), self.times[rows], self._numbers[rows]

    def _measure(self) -> float:
        """[Hz] as the timestamps have it; that of `info.json` where they agree."""
        stated = self._layout.fps
        steps = np.diff(self.times) / np.maximum(np.diff(self._numbers), 1)
        measured = 1.0 / float(np.median(steps)) if len(steps) else stated
        if abs(measured / stated - 1.0) <= OTHER_RATE:
            return stated
        text = f"the timestamps have {measured:.4g} frames a second, fps of {INFO} is {stated:g}; the timestamps count"
        self._report.add(self._name, None, text)
        return measured
