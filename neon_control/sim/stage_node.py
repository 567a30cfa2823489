"""What every simulated robot's node does: the world at real-time speed, its camera, microphone, truth and episodes.

Three threads: the body advances the world on absolute deadlines and publishes what it feels and hears; the camera draws in software,
which takes up to 15 ms, so it has its own; callbacks run where the node is spun. docs/topics.md lists topics and services.
"""

from __future__ import annotations

import array
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from rcl_interfaces.msg import SetParametersResult
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from std_msgs.msg import Int16MultiArray, String
from std_srvs.srv import Trigger

from neon_control.core.common.fields import setting
from neon_control.core.control.pacing import Pacer
from neon_control.core.robot.topic_names import AUDIO, CAMERA
from neon_control.nodes.chunk_messages import to_time
from neon_control.nodes.simulated_clock import ClockGuard
from neon_control.sim.stage import Stage
from neon_control.sim.world import COLOURS

AUDIO_BLOCK, AUDIO_PERIOD = 320, 0.02  # [samples, s]
EPISODE_PERIOD = 0.05  # [s]
SWITCH_INTERVAL = 0.0005  # [s] how long another thread may keep the interpreter from the body
MAX_STALL = 0.25  # [s] after a longer stall (a stopped process) the simulation goes on from where it was


@dataclass(frozen=True)
class StageParameters:
    """Parameters of every simulated robot; those that are not read-only may be set at any time."""

    robot_config: str = setting("g1.yaml", "robot description (YAML), a path or a file of the package's config/")
    width: int = setting(320, "width of the camera's image", unit="pixels", minimum=16, maximum=4096)
    height: int = setting(240, "height of the camera's image", unit="pixels", minimum=16, maximum=4096)
    camera_rate_hz: float = setting(15.0, "images per second", unit="Hz", minimum=0.1, maximum=120.0)
    speech_delay: float = setting(2.1, "silence at the begin of an episode", unit="s", minimum=0.0)
    seed: int = setting(0, "series of episodes; setting it starts the series anew", minimum=0, read_only=False)
    colour: str = setting("", "colour to ask for, at once and in later episodes; empty: drawn", choices=("", *COLOURS), read_only=False)
    mute: bool = setting(False, "nobody speaks; the background noise stays", read_only=False)
    blind: bool = setting(False, "the camera sends black images", read_only=False)


class StageNode(ClockGuard):
    """A subclass makes its stage, publishers and subscriptions, then calls `begin`, and says in `_sense` what the body's sensors tell."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.failed = False  # ends the process, see `lifecycle.run`
        self._images_sent = self._stalls = 0
        self._stopping = threading.Event()
        self._camera_ready = threading.Event()
        self._first = self._ticks = 0  # at the begin and the end of the tick that is under way
        self._threads: list[threading.Thread] = []
        self._audio = self.create_publisher(Int16MultiArray, AUDIO, qos_profile_sensor_data)
        self._images = self.create_publisher(Image, CAMERA, qos_profile_sensor_data)
        self._truth = self.create_publisher(String, "~/episode", 10)

    def begin(self, parameters: StageParameters, stage: Stage, period: float) -> None:
        """Begin the first episode and both loops.

        Args:
            parameters: as declared.
            stage: the robot in its world.
            period: [s] of the body.
        """
        self._stage, self._period = stage, period
        stage.mute(parameters.mute)
        self._seed, self._next, self._colour, self._blind = parameters.seed, 0, parameters.colour, parameters.blind
        self._camera_rate = parameters.camera_rate_hz
        self.create_service(Trigger, "~/reset", self._on_reset)
        self.add_on_set_parameters_callback(self._check_parameters)
        self.add_post_set_parameters_callback(self._apply_parameters)
        self._begin_episode()
        self._threads = [threading.Thread(target=self._guard, args=(loop,), name=loop.__name__) for loop in (self._camera, self._body)]
        for thread in self._threads:
            thread.start()

    def _now(self) -> int:
        """[ns] of the body's next tick, as it is stamped."""
        return time.time_ns()

    def _hear(self) -> None:
        """Take what was sent to the body, before each tick, in the body's thread."""

    def _sense(self, state: Any) -> None:
        """Publish what the body's sensors measure; once a tick, in the body's thread."""
        raise NotImplementedError

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = True, self._begin_episode()
        return response

    def _begin_episode(self) -> str:
        index, self._next = self._next, self._next + 1
        colour = self._stage.reset(self._seed, index, self._colour)
        return f"episode {index} of seed {self._seed}: {colour}"

    def _check_parameters(self, parameters: list[Parameter[Any]]) -> SetParametersResult:
        for parameter in parameters:
            if parameter.name == "colour" and parameter.value not in ("", *COLOURS):
                return SetParametersResult(successful=False, reason=f"colour is '{parameter.value}', but must be one of {['', *COLOURS]}")
        return SetParametersResult(successful=True)

    def _apply_parameters(self, parameters: list[Parameter[Any]]) -> None:
        for parameter in parameters:
            if parameter.name == "colour":
                self._colour = parameter.value
                if parameter.value:
                    self._stage.say(parameter.value)
            elif parameter.name == "seed":
                self._seed, self._next = parameter.value, 0
            elif parameter.name == "mute":
                self._stage.mute(parameter.value)
            elif parameter.name == "blind":
                self._blind = parameter.value

    # --- the two loops ---

    def _guard(self, loop: Callable[[], None]) -> None:
        try:
            loop()
        except Exception as error:  # a dead thread would leave a robot that looks alive
            if not self._stopping.is_set():
                self.get_logger().fatal(f"the simulation's {loop.__name__.strip('_')} thread ended: {type(error).__name__}: {error}")
                self.failed = True
        finally:
            self._camera_ready.set()

    def _body(self) -> None:
        self._camera_ready.wait()  # making the graphics context takes a while and needs the scene to stand still
        pacer = Pacer(self._period, running=lambda: not self._stopping.is_set())
        while not self._stopping.is_set():
            periods = 1 + pacer.wait().skipped
            if periods * self._period > MAX_STALL:
                self._stalls += 1
                periods = 1
            self._first, self._ticks = self._ticks, self._ticks + periods
            self._hear()
            self._sense(self._stage.tick(self._now(), periods * self._period))
            for _ in range(self._passed(AUDIO_PERIOD)):
                self._audio.publish(Int16MultiArray(data=array.array("h", self._stage.listen(AUDIO_BLOCK).tobytes())))
            if self._passed(EPISODE_PERIOD):
                counters = {"images_sent": self._images_sent, "stalls": self._stalls, "skipped": pacer.skipped}
                self._truth.publish(String(data=json.dumps(self._stage.truth() | counters)))

    def _passed(self, period: float) -> int:
        """How often a `period` [s], a multiple of the body's own, has ended within the tick that is under way."""
        every = round(period / self._period)
        return self._ticks // every - self._first // every

    def _camera(self) -> None:
        try:
            self._stage.look()
            self._stage.draw()
            self._camera_ready.set()
            pacer = Pacer(1.0 / self._camera_rate, running=lambda: not self._stopping.is_set())
            last = 0
            while not self._stopping.is_set():
                pacer.wait()
                stamp = self._stage.look()
                if stamp == last:  # the body has not moved on since
                    continue
                image, last = self._stage.draw(), stamp
                if not self._stopping.is_set():
                    self._publish_image(stamp, np.zeros_like(image) if self._blind else image)
        finally:
            self._stage.close()

    def _publish_image(self, stamp: int, image: np.ndarray) -> None:
        height, width, channels = image.shape
        message = Image(height=height, width=width, encoding="rgb8", step=width * channels)
        message.header.stamp, message.header.frame_id = to_time(stamp), "camera"
        message.data = array.array("B", np.ascontiguousarray(image).tobytes())
        self._images.publish(message)
        self._images_sent += 1

    def destroy_node(self) -> None:
        """Stop both loops, then the node."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(2.0)
        super().destroy_node()
