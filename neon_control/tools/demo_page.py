"""The demo's browser page (viser): the robot and its plan, what it sees, what it hears, and how it is doing.

Everything shown comes from the topics; only cubes and trial are the simulation's truth. The page is served to this machine only
unless another host is asked for.
"""

from __future__ import annotations

import base64
import io
import itertools
import queue
import threading
import time
import wave
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import viser
import viser.extras
import yourdfpy
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Int16MultiArray
from trajectory_msgs.msg import JointTrajectory, MultiDOFJointTrajectory

from neon_control.core.errors import ChunkError, NeonControlError
from neon_control.core.robot import Robot
from neon_control.nodes.chunk_messages import BASE_TOPIC, JOINTS_TOPIC, chunk_qos, read_base, read_joints
from neon_control.nodes.conversions import audio_to_samples, image_to_rgb
from neon_control.sim.simulation import COLOURS
from neon_control.sim.voice import HEARING_WINDOW_S, SAMPLE_RATE
from neon_control.tools.demo_link import EXECUTOR, INFERENCE, DemoLink
from neon_control.tools.demo_trials import FINISHED_VALUES
from neon_control.tools.hand_path import HandPath, integrate_base

SCENE_PERIOD, PANEL_PERIOD = 0.1, 0.25  # [s]
PAUSE = 2.0  # [s] to look at a finished trial
PATH_COLOURS = ((240, 150, 30), (30, 160, 120), (150, 90, 200))  # of the hands in turn
OUTCOMES = {
    "waiting": "listening",
    "running": "reaching",
    "success": "reached",
    "wrong_cube": "touched the wrong cube",
    "timeout": "too late",
}
LATEST = QoSProfile(depth=1, reliability=qos_profile_sensor_data.reliability)


class DemoPage:
    """Serves the page and keeps it up to date until it is told to stop.

    Args:
        link: the running nodes.
        robot: for the shapes and the predicted path.
        host, port: where to serve; a taken port is followed by the next free one.
    """

    def __init__(self, link: DemoLink, robot: Robot, host: str = "127.0.0.1", port: int = 8080) -> None:
        self._link, self._robot = link, robot
        self._path = HandPath(robot)
        self._requests: queue.Queue[Callable[[], object]] = queue.Queue()
        self._joints: bytes | None = None
        self._image: Image | None = None
        self._sound: deque[np.ndarray] = deque(maxlen=round(HEARING_WINDOW_S * SAMPLE_RATE / 320))
        self._joint_chunk: JointTrajectory | None = None
        self._base_chunk: MultiDOFJointTrajectory | None = None
        self._subscribe()
        self._server = viser.ViserServer(host=host, port=port, label="neon_control", verbose=False)
        self.url = f"http://{host}:{self._server.get_port()}"
        self._build_scene()
        self._build_panel()
        self._trials = self._reached = 0
        self._counted: tuple[object, ...] = ()
        self._finished_at: float | None = None
        self._offered: tuple[object, ...] = ()  # the command that the sound player holds

    def _subscribe(self) -> None:
        node = self._link.node

        def keep(name: str) -> Callable[[Any], None]:
            return lambda message: setattr(self, name, message)

        node.create_subscription(JointState, "joint_states", keep("_joints"), LATEST, raw=True)  # 200 Hz: only the newest is read
        node.create_subscription(Image, "camera/image_raw", keep("_image"), LATEST)
        node.create_subscription(Int16MultiArray, "audio", lambda m: self._sound.append(audio_to_samples(m)), qos_profile_sensor_data)
        node.create_subscription(JointTrajectory, JOINTS_TOPIC, keep("_joint_chunk"), chunk_qos())
        node.create_subscription(MultiDOFJointTrajectory, BASE_TOPIC, keep("_base_chunk"), chunk_qos())

    # --- what does not change ---

    def _build_scene(self) -> None:
        scene = self._server.scene
        scene.set_up_direction("+z")
        scene.configure_default_lights(cast_shadow=False)  # shadows cost more than all else where the browser draws in software
        scene.add_grid("/floor", width=6.0, height=6.0, cell_size=0.25, section_size=1.0)
        self._base = scene.add_frame("/base", show_axes=False)
        scene.add_frame("/base/robot", show_axes=False, position=tuple(self._path.root_position))
        urdf = yourdfpy.URDF.load(str(self._robot.urdf_path))
        self._urdf = viser.extras.ViserUrdf(self._server, urdf, root_node_name="/base/robot")
        self._urdf_joints = self._urdf.get_actuated_joint_names()
        model = self._path.model
        for i in range(model.ngeom):
            geom = model.geom(i)
            if geom.name.startswith("table"):
                scene.add_box(
                    f"/{geom.name}", _rgb(geom.rgba), tuple(2 * geom.size), position=tuple(model.body(geom.bodyid[0]).pos + geom.pos)
                )
        self._cubes = {
            c: scene.add_box(f"/{c}_cube", _rgb(model.geom(f"{c}_cube").rgba), tuple(2 * model.geom(f"{c}_cube").size)) for c in COLOURS
        }

        nowhere = np.zeros((1, 2, 3), np.float32)
        self._colours = dict(zip(self._path.hand_names, itertools.cycle(PATH_COLOURS), strict=False))
        self._lines = {s: scene.add_line_segments(f"/path/{s}", nowhere, c, thickness=0.008) for s, c in self._colours.items()}
        self._ends = {s: scene.add_icosphere(f"/path/{s}_end", 0.012, c, subdivisions=1, visible=False) for s, c in self._colours.items()}

        @self._server.on_client_connect
        def _(client: viser.ClientHandle) -> None:
            client.camera.position, client.camera.look_at = (1.15, -1.05, 1.5), (-0.05, 0.0, 0.85)

    def _build_panel(self) -> None:
        gui = self._server.gui
        gui.configure_theme(control_layout="fixed", control_width="large", show_logo=False, show_share_button=False)
        self._title = gui.add_markdown("")
        actions = {"new episode": self._link.reset} | {f"say {c}": lambda c=c: self._say(c) for c in COLOURS}
        buttons = gui.add_button_group("command", tuple(actions))
        buttons.on_click(lambda event: self._requests.put(actions[event.target.value]))
        for name, label in (("mute", "mute: nobody speaks"), ("blind", "blind: black images")):
            box = gui.add_checkbox(label, False)
            box.on_update(lambda event, name=name: self._requests.put(lambda: self._link.set_parameter(name, event.target.value)))
        self._camera = gui.add_image(np.zeros((240, 320, 3), np.uint8), label="what it sees", format="jpeg")
        self._spectrogram = gui.add_image(np.zeros((80, 320, 3), np.uint8), label="what it hears: the last 2 s, 0 to 4 kHz", format="jpeg")
        self._player = gui.add_html("")
        self._state = gui.add_markdown("")
        self._notice = gui.add_markdown("")

    def _say(self, colour: str) -> None:
        self._link.set_parameter("colour", colour)
        self._link.set_parameter("colour", "")  # later episodes draw their own again

    # --- the loop ---

    def run(self, check: Callable[[], None]) -> None:
        """Serve until `check` raises (a process died, Ctrl-C)."""
        threading.Thread(target=self._work, name="demo_requests", daemon=True).start()
        panel_due = 0.0
        pause = threading.Event()
        while True:
            check()
            begin = time.monotonic()
            self._update_scene()
            if begin >= panel_due:
                panel_due = begin + PANEL_PERIOD
                self._update_panel()
                self._conduct(begin)
            pause.wait(max(0.0, begin + SCENE_PERIOD - time.monotonic()))

    def _work(self) -> None:
        """Requests wait for the nodes' answers; the picture must not."""
        while True:
            request = self._requests.get()
            try:
                request()
            except NeonControlError as error:
                self._notice.content = f"**{error}**"

    def _conduct(self, now: float) -> None:
        """Count finished trials, and begin the next one a moment later."""
        truth = self._link.truth
        if not truth or truth["outcome"] not in FINISHED_VALUES:
            self._finished_at = None
            return
        trial = (truth["seed"], truth["index"], truth["target"], truth["elapsed"])
        if trial != self._counted:
            self._counted = trial
            self._trials += 1
            self._reached += truth["outcome"] == "success"
            self._finished_at = now
        elif self._finished_at is not None and now - self._finished_at > PAUSE:
            self._finished_at = None
            self._requests.put(self._link.reset)

    def _update_scene(self) -> None:
        truth, joints = self._link.truth, self._joints
        if not truth or joints is None:
            return
        state = deserialize_message(joints, JointState)
        positions = dict(zip(state.name, state.position, strict=True))
        with self._server.atomic():
            self._urdf.update_cfg(np.array([positions.get(name, 0.0) for name in self._urdf_joints]))
            x, y, yaw = truth["base"]
            self._base.position, self._base.wxyz = (x, y, 0.0), (np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2))
            for colour, cube in self._cubes.items():
                cube.position, cube.wxyz = tuple(truth["cubes"][colour]), tuple(truth["cube_rotations"][colour])
            self._draw_path(positions, np.array(truth["base"]))

    def _draw_path(self, measured: dict[str, float], base: np.ndarray) -> None:
        """The newest chunk as a line for each hand; joints that are not in it stay where they are."""
        chunk, base_chunk = self._joint_chunk, self._base_chunk
        if chunk is None:
            return
        try:
            joints = read_joints(chunk, chunk.joint_names, len(chunk.points))
            steps = len(joints.values)
            velocities = read_base(base_chunk, steps).values if base_chunk is not None else np.zeros((steps, 3))
        except ChunkError:
            return
        others = tuple(n for n in measured if n not in chunk.joint_names)
        rest = np.tile([measured[n] for n in others], (steps, 1))
        names = (*chunk.joint_names, *others)
        paths = self._path.hands(names, np.hstack([joints.values, rest]), integrate_base(base, velocities, joints.dt))
        for side, points in paths.items():
            line, segments = self._lines[side], np.stack([points[:-1], points[1:]], axis=1).astype(np.float32)  # (H - 1, 2, 3)
            if line.colors.shape != segments.shape:
                line.colors = np.broadcast_to(np.array(self._colours[side], np.uint8), segments.shape).copy()
            line.points = segments
            self._ends[side].position, self._ends[side].visible = tuple(points[-1]), True

    def _update_panel(self) -> None:
        truth, image = self._link.truth, self._image
        if image is not None:
            self._camera.image = image_to_rgb(image)
        sound = np.concatenate(list(self._sound)) if self._sound else np.zeros(0, np.int16)
        self._spectrogram.image = spectrogram(sound)
        if not truth:
            return
        self._offer_sound(truth, sound)
        said = f"“{truth['text']}”" if truth["text"] else "*silence*"
        self._title.content = f"## {said}\n**{OUTCOMES[truth['outcome']]}**, {truth['elapsed']:.1f} s"
        self._state.content = self._table(truth)

    def _offer_sound(self, truth: dict[str, Any], sound: np.ndarray) -> None:
        """A player with the last two seconds, made anew for each command once they hold nothing else."""
        key = (truth["index"], truth["text"])
        if key != self._offered and truth["elapsed"] >= HEARING_WINDOW_S:
            self._offered = key
            data = base64.b64encode(wav(sound)).decode()
            self._player.content = f'<audio controls style="width:100%" src="data:audio/wav;base64,{data}"></audio>'

    def _table(self, truth: dict[str, Any]) -> str:
        executor = self._link.diagnostics.get(EXECUTOR, {})
        counts = self._link.image_counts
        sent, received = (counts[-1].sent - counts[0].sent, counts[-1].received - counts[0].received) if counts else (0, 0)
        rows = {
            "reached": f"{self._reached} of {self._trials} trials",
            "hand to cube": ", ".join(f"{c} {100 * d:.0f} cm" for c, d in truth["distances"].items()),
            "executor": f"{executor.get('message', '')}, {_figure(self._link.number(EXECUTOR, 'rate_hz'))} Hz",
            "votes, chunk age": f"{executor.get('votes/joints', '?')}, {_figure(self._link.number(EXECUTOR, 'newest_chunk_age_ms'))} ms",
            "observation to command": self._percentiles(EXECUTOR, "observation_to_command_ms/p50", "observation_to_command_ms/p99"),
            "inference": self._percentiles(INFERENCE, "inference_ms_p50", "inference_ms_p99"),
            "images": f"{received} of {sent} received",
        }
        return "| | |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in rows.items())

    def _percentiles(self, node: str, p50: str, p99: str) -> str:
        return f"{_figure(self._link.number(node, p50))} ms (p99 {_figure(self._link.number(node, p99))} ms)"

    def close(self) -> None:
        """Stop serving."""
        self._server.stop()


def spectrogram(sound: np.ndarray, columns: int = 320, rows: int = 80) -> np.ndarray:
    """The last 2 s of sound as a picture (rows, columns, 3) uint8: time to the right, 0 to 4 kHz upwards, 60 dB of brightness."""
    frame, window = 512, round(HEARING_WINDOW_S * SAMPLE_RATE)
    signal = np.zeros(window + frame, np.float32)
    if len(sound):
        tail = sound[-window:].astype(np.float32) / 32768.0
        signal[len(signal) - len(tail) :] = tail
    starts = np.linspace(0, window, columns).astype(int)
    frames = np.stack([signal[s : s + frame] for s in starts]) * np.hanning(frame).astype(np.float32)
    power = np.abs(np.fft.rfft(frames))[:, : frame // 4]  # (columns, 128), up to 4 kHz
    level = np.clip((20.0 * np.log10(power + 1e-6) + 40.0) / 60.0, 0.0, 1.0)
    bins = np.linspace(level.shape[1] - 1, 0, rows).astype(int)
    grey = level[:, bins].T  # (rows, columns)
    return (255 * np.stack([np.sqrt(grey), grey**2, grey * (1.0 - grey)], axis=-1)).astype(np.uint8)


def wav(sound: np.ndarray) -> bytes:
    """A WAV file of int16 mono samples at 16 kHz."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(sound.astype("<i2").tobytes())
    return stream.getvalue()


def _rgb(rgba: np.ndarray) -> tuple[int, int, int]:
    red, green, blue = (round(255 * float(v)) for v in rgba[:3])
    return red, green, blue


def _figure(value: float | None) -> str:
    return "?" if value is None else f"{value:.0f}"
