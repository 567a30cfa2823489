"""An episode as a bag: what the nodes are sent is what training learns from, number by number and pixel by pixel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lerobot_set import FPS, FRAMES, GREY, JOINTS, Rows, motion, write_arm, write_set

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.topics import cameras_by_role
from neon_control.core.robot.view import Crop, View
from neon_control.core.robot.wire import Wire
from neon_control.core.sensing.observation import Observation, ObservationBuilder
from neon_control.evaluation.recorded_day import RecordedDay
from neon_control.recordings.bag.bag_file import Bag, BagError
from neon_control.recordings.bag.messages import stamp_of
from neon_control.recordings.lerobot.episode_bag import ACTION, BASE_ACTION, EpisodeBag
from neon_control.recordings.lerobot.episodes import lerobot_episode
from neon_control.runtime.decoding.images import image_of

DT, STEPS = 0.02, 16
FRONT, WRIST, STATES = "/front/image_raw", "/wrist/image_raw", "/joint_states"


def episode_bag(root: Path, robot: Robot, number: int = 0, **more: Any) -> EpisodeBag:
    return EpisodeBag(lerobot_episode(root, robot.recording, number)[0], robot, **more)


def observations(bag: Bag, robot: Robot) -> list[Observation]:
    """As a node makes them that looks when the first camera's image arrives."""
    recording = RecordedDay(bag, robot)
    roles, cameras = {topic: role for role, topic in recording.inputs.items()}, cameras_by_role(robot)
    names = [c.name for c in robot.cameras]
    builder = ObservationBuilder(tuple(robot.joints), use_audio=False, cameras=names, wire=robot.wire)
    builder.cameras.look_at(builder.cameras.clip, names)
    made = []
    for message in bag.messages(list(roles)):
        content, role = bag.decode(message), roles[message.topic]
        if role == "joint_states":
            builder.joint_states.add(stamp_of(content), content.name, content.position)
        elif role in cameras:
            builder.cameras.buffers[cameras[role].name].add(stamp_of(content), image_of(content, cameras[role]))
            made += [builder.build(message.time)] if role == "camera" else []
    return made


@pytest.mark.parametrize("number", [0, 1])
def test_a_node_observes_and_an_evaluation_compares_with_what_training_learns(number: int, tmp_path: Path) -> None:
    def edit(rows: Rows) -> None:
        for key in ("observation.state", "action"):
            rows[key] = [list(np.rad2deg(v)) for v in rows[key]]
        rows["observation.images.front"] = [rows["observation.images.wrist"][0], *rows["observation.images.front"][1:]]

    root = write_set(tmp_path / "set", edit)
    robot = load_robot(write_arm(tmp_path, lerobot={"unit": "deg", "joints": {"gripper": {"unit": "deg"}}}))
    space = ActionSpace.from_robot(robot, "arms_only")
    config = robot.recording.looking_through(robot.cameras)
    samples = list(lerobot_episode(root, config, number)[0].samples(space, DT, STEPS))
    with episode_bag(root, robot, number) as bag:
        seen, day = observations(bag, bag.robot), RecordedDay(bag, bag.robot)

    assert len(seen) == len(samples) == FRAMES
    for one, sample in zip(seen, samples, strict=True):
        other = sample.observation
        assert one.stamp == other.stamp and one.skew == 0.0
        np.testing.assert_array_equal(one.joint_positions, other.joint_positions)
        for ours, theirs in zip(one.clips, other.clips, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        known = sample.mask > 0.0
        times = other.stamp + np.round(np.arange(STEPS) * DT * 1e9).astype(np.int64)
        actions = day.actions(space, times, DT)
        np.testing.assert_array_equal(np.isfinite(actions).all(axis=1), known)
        np.testing.assert_array_equal(actions[known], sample.actions[known])


def test_a_part_of_it_has_the_same_messages_as_the_whole_there(tmp_path: Path) -> None:
    robot, root = load_robot(write_arm(tmp_path)), write_set(tmp_path / "set")
    with episode_bag(root, robot) as bag:
        whole = list(bag.messages())
        bag.cut(0.3, 0.2)
        assert list(bag.messages()) == [m for m in whole if bag.start <= m.time <= bag.end]
        assert 0 < len(list(bag.messages([FRONT]))) < FRAMES
    assert bag.decode(whole[0]).data == "t" and whole[0].topic == "/instruction"
    assert [m.topic for m in whole[1:5]] == [STATES, ACTION, WRIST, FRONT], "the image that wakes the policy comes last"
    assert [m.time for m in whole] == sorted(m.time for m in whole)
    assert bag.name == "set/episode_000000"


def test_what_is_bad_is_left_out_and_said_once(tmp_path: Path) -> None:
    def edit(rows: Rows) -> None:
        rows["observation.state"][3] = [float("nan")] * 3
        rows["action"][5] = [None] * 3
        rows["observation.images.wrist"][7] = {"bytes": b"no image", "path": None}

    said: list[tuple[str, str, float | None]] = []
    robot, root = load_robot(write_arm(tmp_path)), write_set(tmp_path / "set", edit)
    with episode_bag(root, robot, on_problem=lambda *found: said.append(found)) as bag:
        stamps = {topic: {round((m.time - bag.start) * 1e-9 * FPS) for m in bag.messages([topic])} for topic in bag.topics}
        list(bag.messages())
    assert stamps.pop("/instruction") == {0}
    assert {topic: set(range(FRAMES)) - frames for topic, frames in stamps.items()} == {STATES: {3}, ACTION: {5}, WRIST: {7}, FRONT: set()}
    words = [f"{where}: {text}" for where, text, _ in said]
    assert [round(seconds * FPS) for _, _, seconds in said] == [3, 5, 7, 7]
    for expected in ("observation.state: ", "action: ", "frame 7: no image", "no image at a frame's time"):
        assert sum(expected in w for w in words) == 1, (expected, words)


def test_without_somebody_to_tell_a_problem_is_an_error(tmp_path: Path) -> None:
    robot = load_robot(write_arm(tmp_path))
    root = write_set(tmp_path / "set", lambda rows: rows["observation.state"].__setitem__(3, [float("nan")] * 3))
    with pytest.raises(BagError, match="must be finite numbers"):
        episode_bag(root, robot)


def test_joints_and_cameras_that_a_dataset_lacks_are_said_and_the_others_sent(tmp_path: Path) -> None:
    said: list[str] = []
    root = write_set(tmp_path / "set", names=("pan", "lift", "claw"))
    robot = load_robot(write_arm(tmp_path, cameras=("front", "wrist", "rear")))
    with episode_bag(root, robot, on_problem=lambda where, text, seconds: said.append(f"{where}: {text}")) as bag:
        assert sorted(bag.topics) == [FRONT, "/instruction", STATES, ACTION, WRIST]
        assert bag.decode(next(bag.messages([STATES]))).name == ["pan", "lift"]
    assert any("no state of ['gripper']" in text for text in said)
    assert any("camera rear" in text and "recording.lerobot.images" in text for text in said)


def test_a_dataset_of_other_joints_is_refused_with_both_lists(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", names=("a", "b", "c"))
    with pytest.raises(ConfigError, match=r"needs the names \['pan', 'lift', 'gripper'\], has \['a', 'b', 'c'\]"):
        episode_bag(root, load_robot(write_arm(tmp_path)), on_problem=lambda *_: None)


def test_images_are_sent_so_that_a_camera_that_is_turned_and_cut_shows_them_as_they_are(tmp_path: Path) -> None:
    robot = load_robot(write_arm(tmp_path))
    view = View(crop=Crop(left=0.25, bottom=0.9), rotate=90, flip="vertical")
    cameras = (Camera("front", "front/image_raw", **vars(view)), robot.cameras[1])
    with episode_bag(write_set(tmp_path / "set"), replace(robot, cameras=cameras)) as bag:
        content = bag.decode(next(bag.messages([FRONT])))
    assert (content.height, content.width) == (35, 32), "black where the robot's camera sees more"
    image = image_of(content, cameras[0])
    np.testing.assert_array_equal(image() if callable(image) else image, np.full((24, 32, 3), GREY["front"], np.uint8))


def test_it_speaks_as_the_robots_drivers_do(tmp_path: Path) -> None:
    """A prefix of joint names, a namespace, a base, and silence for a robot that hears."""

    def edit(rows: Rows) -> None:
        rows["action"] = [[*v, 0.1, 0.0, 0.2] for v in rows["action"]]

    def edit_info(info: dict[str, Any]) -> None:
        info["features"]["action"].update(shape=[6], names=[*JOINTS, "base/vx", "base/vy", "base/yaw_rate"])

    def no_task(rows: list[dict[str, Any]]) -> None:
        rows[0]["tasks"] = None

    robot = load_robot(write_arm(tmp_path, base=True, audio="microphone"))
    robot = replace(robot, joint_prefix="left/", recording=replace(robot.recording, wire=Wire("left/")))
    with episode_bag(write_set(tmp_path / "set", edit, no_task, edit_info), robot, namespace="r2") as bag:
        assert sorted(bag.topics) == ["/r2/audio", "/r2/front/image_raw", "/r2/joint_states", "/r2/wrist/image_raw", ACTION, BASE_ACTION]
        contents = {m.topic: bag.decode(m) for m in bag.messages()}
        day = RecordedDay(bag, bag.robot, "r2")
    assert contents["/r2/joint_states"].name == ["left/pan", "left/lift", "left/gripper"]
    assert contents["/r2/joint_states"].position == pytest.approx(motion(FRAMES - 1))
    assert len(contents["/r2/audio"].data) == 533 and not contents["/r2/audio"].data.any()
    space = ActionSpace.from_robot(robot, "arms_only")
    assert day.actions(space, np.array([day.start]))[0] == pytest.approx([*motion(1), 0.1, 0.0, 0.2])


def test_an_episode_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    root, robot = write_set(tmp_path / "set"), load_robot(write_arm(tmp_path))
    with pytest.raises(ConfigError, match="has no episode 7; it has 2, from 0 to 1"):
        lerobot_episode(root, robot.recording, 7)
    empty = write_set(tmp_path / "empty", edit_episodes=list.clear)
    with pytest.raises(ConfigError, match=r"empty/meta/info\.json: the list of episodes is empty"):
        lerobot_episode(empty, robot.recording)
