"""Training sees what the live node saw: the real inference node over real DDS, and a bag of the messages that it received."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from bag_writer import BagWriter
from inference_harness import synthetic_robot
from rclpy.executors import SingleThreadedExecutor
from rclpy.serialization import serialize_message
from waiting import wait_until

from neon_control.core.common.errors import ObservationError
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.recording_names import RecordingConfig
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.sensing.observation import Observation
from neon_control.nodes.inference import InferenceNode
from neon_control.recordings.bag_recording import BagRecording
from neon_control.recordings.reading import Report

pytestmark = pytest.mark.system


def serialised(message: Any, kind: type) -> bytes:
    """A message that the node has taken; of an image it has a view on its fields."""
    if not isinstance(message, kind):
        message = kind(**{f.name: getattr(message, f.name) for f in fields(message) if f.name != "data"}, data=bytes(message.data))
    return bytes(serialize_message(message))


class RecordingNode(InferenceNode):
    """The inference node, which writes each message into a bag at the very time at which it takes it.

    Attributes:
        at_arrival: stamp [ns] -> what its buffers gave when the image of that stamp had arrived.
        inferred: stamp [ns] -> what its inference thread worked on.
        unbelieved: how many joint states came before all its drivers were believed.
        believed_from: [ns] the first joint state that it believes of the last driver; 0: not yet.
    """

    def __init__(self, bag: BagWriter) -> None:
        self._bag = bag
        self._arrival = threading.local()
        self.at_arrival: dict[int, Observation] = {}
        self.inferred: dict[int, Observation] = {}
        self.unbelieved = self.believed_from = 0
        super().__init__()

    def configure(self) -> None:
        super().configure()
        self._build = self._builder.build

        def build(now: int, use_joints: bool = True) -> Observation:
            observation = self._build(now, use_joints)
            self.inferred[observation.stamp] = observation
            return observation

        self._builder.build = build  # type: ignore[method-assign]

    def _now(self) -> int:
        return getattr(self._arrival, "time", None) or super()._now()

    def _subscribe(self, kind: type, topic: str, callback: Callable[..., None], name: str, *arguments: Any, **options: Any) -> None:
        super()._subscribe(kind, topic, lambda *message: self._record(topic, kind, callback, *message), name, *arguments, **options)

    def _record(self, topic: str, kind: type, callback: Callable[..., None], message: Any, *info: Any) -> None:
        self._arrival.time = now = super()._now()
        try:
            data = message if isinstance(message, bytes) else serialised(message, kind)
            self._bag.write_raw(topic, f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}", now, data)
            callback(message, *info)
            streams = self._builder.joint_states._joints.streams
            if not self.believed_from and all(stream.stamps for stream in streams):
                self.believed_from = max(stream.stamps[0] for stream in streams)
            self.unbelieved += topic == "joint_states" and not self.believed_from
            if topic.startswith("camera"):
                with suppress(ObservationError):
                    observation = self._build(now)
                    self.at_arrival[observation.stamp] = observation
        finally:
            self._arrival.time = None


@pytest.mark.parametrize("drivers", [1, 2])
def test_a_bag_gives_the_observations_that_the_live_node_had(ros_domain_id: int, tmp_path: Path, drivers: int) -> None:
    space = ActionSpace.from_robot(load_robot("g1.yaml"), "arms_only")
    rclpy.init(args=["--ros-args", "-p", "policy:=g1_reach", "-p", "backbone_rate_hz:=3.0"])
    try:
        with (
            synthetic_robot(space.joint_names[::-1], size=(48, 64), camera_delay=0.035, drivers=drivers) as robot,
            BagWriter(tmp_path / "bag") as bag,
        ):
            node = RecordingNode(bag)
            executor = SingleThreadedExecutor()
            executor.add_node(node)
            try:
                enough = lambda: len(node.at_arrival) >= 12 and len(node.inferred) >= 3  # noqa: E731
                wait_until(enough, 80.0, "twelve observations", tick=lambda: executor.spin_once(timeout_sec=0.02))
            finally:
                if node.is_active:
                    node.trigger_deactivate()
                node.destroy_node()
            assert len(robot.image_stamps) >= 12
            assert node._statistics.counter("messages_refused_joint_states") == 0
    finally:
        rclpy.try_shutdown()
    config = RecordingConfig(commands=(), base="", reaction=0.0)
    report = Report()
    samples = {s.observation.stamp: s.observation for s in BagRecording(tmp_path / "bag", config).samples(space, 0.001, 1, report=report)}
    assert not [p for p in report.problems if "refused" in p.what]
    missing = sorted(set(node.at_arrival) - set(samples))
    # The node believes its drivers only after a while, a bag is believed from its first message on: they are compared from there on.
    assert 0 < node.unbelieved <= 20, "messages, of 100 a second"
    samples = {stamp: sample for stamp, sample in samples.items() if stamp >= node.believed_from}
    assert set(samples) <= set(node.at_arrival), "no observation that the node did not have"
    assert len(missing) <= 1, "but for the last image, which nothing followed"
    for stamp, sample in samples.items():
        live = node.at_arrival[stamp]
        np.testing.assert_array_equal(sample.image, live.image)
        np.testing.assert_array_equal(sample.joint_positions, live.joint_positions)
        np.testing.assert_array_equal(sample.audio, live.audio)
    inferred = set(node.inferred) & set(samples)
    assert inferred, "the thread worked on images that the bag gives too"
    assert all(np.array_equal(node.inferred[s].image, samples[s].image) for s in inferred)
