"""The node that sees, hears and plans: camera, audio and joint states in, action chunks out.

Callbacks only convert and store. An arriving image (with several cameras, of the policy's first one) wakes the inference thread, on
average `backbone_rate_hz` times a second; the thread takes the newest image and everything else at its time. The action layer runs once
for each of these, or at `head_rate_hz` on the newest joint state. What is missing or stale is said in the log and in /diagnostics, and
nothing is published then.

A change of the parameter `policy` loads another policy beside the running one, which it replaces between two chunks, or is refused.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory, MultiDOFJointTrajectory

from neon_control.core.common.errors import ChunkError, ObservationError
from neon_control.core.common.fields import setting
from neon_control.core.common.printable import printable
from neon_control.core.common.registry import import_plugins
from neon_control.core.common.statistics import Statistics
from neon_control.core.control.chunk import BASE, JOINTS
from neon_control.core.control.foresight import nothing
from neon_control.core.robot.camera import TRANSPORTS
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.topic_names import AUDIO, DIAGNOSTICS, INSTRUCTION, JOINT_STATES, PLAN_BASE, PLAN_JOINTS
from neon_control.core.sensing.instruction import checked_instruction
from neon_control.core.sensing.observation import MAX_SKEW, MaxAge, ObservationBuilder
from neon_control.core.sensing.witnesses import Witnesses
from neon_control.nodes.audio_messages import audio_type
from neon_control.nodes.camera_topics import CameraTopics
from neon_control.nodes.checked_messages import read_message
from neon_control.nodes.chunk_messages import LATCHED, PLAN_QOS, read_base_plan, read_joint_plan
from neon_control.nodes.chunk_publisher import ChunkPublisher
from neon_control.nodes.deafness import REJOIN_AFTER, complaint, watch_of
from neon_control.nodes.joint_state_reader import JointStateReader
from neon_control.nodes.lifecycle import STEADY_CLOCK, AutostartNode
from neon_control.nodes.parameters import declare
from neon_control.nodes.policy_change import PolicyChange
from neon_control.nodes.polling import JOINT_STATES_QOS, publisher_of, waiting
from neon_control.nodes.python_log import NodeLog
from neon_control.runtime.compute.sessions import PROVIDERS
from neon_control.runtime.decoding.audio_blocks import READERS
from neon_control.runtime.decoding.sound import SoundStream
from neon_control.runtime.encoders.backbone import BackboneOptions
from neon_control.runtime.policy.allowed import check_allowed
from neon_control.runtime.policy.decisions import InferenceDecisions
from neon_control.runtime.policy.likeness import UNLIKE_IMAGES, Likeness
from neon_control.runtime.policy.loading import PolicyLoading, check_wanted
from neon_control.runtime.policy.loop import InferenceLoop
from neon_control.runtime.policy.policy import Policy
from neon_control.runtime.policy.policy_file import PolicyFile
from neon_control.runtime.speech.spoken import voice_here

LOG_PERIOD_S = 5.0  # [s] the same complaint is logged at most this often
STALLED_S = 1.0  # [s] without a chunk for this long, and for five periods, diagnostics say so


@dataclass(frozen=True)
class Parameters:
    """Parameters of the node."""

    robot_config: str = setting("g1.yaml", "robot description: a path, or a file in the package's config folder")
    policy: str = setting(
        "g1_reach", "policy: a folder, the name of one in resource/policies, or a Hugging Face repository", read_only=False
    )
    policy_root: str = setting("", "folder below which a policy has to lie that is asked for while the node runs; empty: anywhere")
    policy_from_hub: bool = setting(
        False, "while the node runs, allow policies that come from the Hugging Face hub, or whose backbone does"
    )
    backbone_rate_hz: float = setting(10.0, "mean rate at which images become features, at most", unit="Hz", minimum=0.1, maximum=100.0)
    head_rate_hz: float = setting(
        0.0,
        "rate of the action layer, on the newest features and joint state; 0: once for each features result, at the image's time",
        unit="Hz",
        minimum=0.0,
        maximum=100.0,
    )
    prefixes: bool = setting(True, "let chunks go on from the steps that are commanded meanwhile, where the policy can; see docs/delay.md")
    added_latency: float = setting(
        0.0,
        "keep the features of an image back for so long, to try out what a slower backbone would do",
        unit="s",
        minimum=0.0,
        maximum=10.0,
    )
    image_transport: str = setting(
        "raw",
        "raw: sensor_msgs/Image on camera/image_raw; compressed: JPEG or PNG on camera/image_raw/compressed; "
        "where the robot file lists cameras, of those for which it does not say",
        choices=TRANSPORTS,
    )
    audio_type: str = setting("std_msgs/Int16MultiArray", "message type of the audio topic", choices=tuple(READERS))
    audio_rate_hz: int = setting(16000, "sample rate of the audio topic", unit="Hz", minimum=8000, maximum=192000)
    audio_channels: int = setting(1, "channels of the audio topic; their mean is heard", minimum=1, maximum=64)
    threads: int = setting(1, "threads of each encoder and of the action layer", minimum=1, maximum=64)
    provider: str = setting("auto", "what ONNX Runtime runs on; auto: CUDA where it works, else the CPU", choices=("auto", *PROVIDERS))
    device: str = setting(
        "auto", "where a Hugging Face backbone, or a head in torch, runs: auto (a GPU where there is one), cpu, cuda, cuda:1"
    )
    plugins: tuple[str, ...] = setting((), "Python modules to import first: heads and backbones of your own")
    compile: bool = setting(False, "compile a Hugging Face backbone with torch: it starts minutes later and runs faster")
    trust_remote_code: bool = setting(False, "run Python code that comes with a Hugging Face backbone; only for sources you trust")
    rejoin_after: float = REJOIN_AFTER
    max_age: MaxAge = field(default_factory=MaxAge)
    max_skew: float = MAX_SKEW
    unlike_images: str = UNLIKE_IMAGES


class InferenceNode(AutostartNode):
    """Wiring: topics to `ObservationBuilder`, timer to `InferenceLoop`, chunks to topics."""

    def __init__(self, **options: object) -> None:
        super().__init__("inference_node", **options)
        self._python_log = NodeLog(self)
        self._settings = declare(self, Parameters)
        self._loop: InferenceLoop | None = None
        self._change = PolicyChange(self, self._check_wanted, self._load_beside, self._take_over)

    def configure(self) -> None:
        """Load the policy and connect the topics; the buffers begin to fill."""
        parameters = self._settings
        self._robot = load_robot(parameters.robot_config)
        audio_message, self._read_audio = audio_type(parameters.audio_type)
        self._sound = SoundStream(parameters.audio_rate_hz, parameters.audio_channels)
        start = time.monotonic()
        name = str(self.get_parameter("policy").value)  # it may have changed since the start
        import_plugins(parameters.plugins)
        self._options = BackboneOptions(
            parameters.threads, parameters.provider, parameters.device, parameters.compile, parameters.trust_remote_code
        )
        policy = Policy.load(name, self._robot, self._options)
        self._change.running = name
        space = policy.file.space
        self._tell_loaded(policy, time.monotonic() - start)
        cameras = [camera.name for camera in self._robot.cameras]
        ranges = (self._robot.limits(space.joint_names, limit) for limit in ("lower", "upper", "max_velocity"))
        witnesses = Witnesses(space.joint_names, *ranges, jumping=self._robot.gripping)
        wire, skew = self._robot.wire, parameters.max_skew
        self._builder = ObservationBuilder(
            space.joint_names, parameters.max_age, cameras=cameras, witnesses=witnesses, max_skew=skew, wire=wire
        )
        self._statistics = Statistics()
        self._likeness = Likeness(parameters.unlike_images, cameras, self._statistics.count, self.get_logger().warning)
        self._compare_with(policy.file)
        self._decide_for(policy)
        self._complaints: dict[str, float] = {}
        self._refused: dict[str, str] = {}  # input -> why a message was refused; told once at least, and until one is good again
        self._good_again: set[str] = set()
        self._chunks = ChunkPublisher(self, base=space.dim > space.num_joints)
        self._diagnostics_publisher = self.create_publisher(DiagnosticArray, DIAGNOSTICS, 10)
        self._deafness = watch_of(self, parameters.rejoin_after)
        self._listen(audio_message)
        self._listen_to_plans(policy)
        # A steady clock: diagnostics also have to say that simulated time stands still.
        self.create_timer(1.0, self._publish_diagnostics, clock=STEADY_CLOCK)

    def _tell_loaded(self, policy: Policy, seconds: float) -> None:
        space = policy.file.space
        parts = [
            f"{space.num_joints} joints",
            *(["base"] if space.dim > space.num_joints else []),
            *(["audio"] if policy.uses_audio else []),
            *([f"cameras {', '.join(policy.file.vision.cameras)}"] if policy.file.vision.cameras else []),
        ]
        self.get_logger().info(f"policy {policy.file.name}, mode {space.mode}: {', '.join(parts)}; loaded in {seconds:.1f} s")

    def _listen(self, audio_message: type) -> None:
        """Subscribe what is observed."""
        # All cameras, and the sound, whatever this policy uses: another may follow.
        transport = self._settings.image_transport
        self._camera_topics = CameraTopics(
            self._robot.cameras, transport, self._builder.cameras, self._statistics, self._on_image, self._likeness
        )
        for camera in self._camera_topics:
            self._subscribe(*camera)
        self._joint_state_reader = JointStateReader()
        self._subscribe(JointState, JOINT_STATES, self._on_joint_state, "joint_states", JOINT_STATES_QOS)
        self._subscribe(audio_message, AUDIO, self._on_audio, "audio")
        self._ignored: set[tuple[str, str]] = set()  # policy and why it ignores words: told once
        self._builder.voice, self._mute = voice_here()
        self._subscribe(String, INSTRUCTION, self._on_instruction, "instruction", LATCHED)
        self._hears_plans = False

    def activate(self) -> None:
        """Start to infer."""
        self._decide_for(self._decisions.policy)  # anew: a loop that was stopped may still be at its last inference
        simulated_time = bool(self.get_parameter("use_sim_time").value)
        added = self._settings.added_latency
        if added:
            self.get_logger().warning(f"added_latency: every chunk is made {1e3 * added:.0f} ms later than it could be")
        self._loop = InferenceLoop(
            self._decisions, self._now, self._chunks.publish, self._report, self._statistics, simulated_time, added_latency=added
        )
        self._loop.start()
        # Images wake the thread; this timer only finds out that none come. The clock is steady: simulated time may stand still.
        period = 1e-9 * self._decisions.silent_period
        self._watchdog = self.create_timer(period, self._loop.watch, clock=STEADY_CLOCK)

    def deactivate(self) -> None:
        """Stop to infer; the running inference is finished but not published."""
        self.destroy_timer(self._watchdog)
        del self._watchdog  # it refers to the loop, and so to the policy
        if self._loop is not None:
            self._loop.stop()
            self._loop = None

    def cleanup(self) -> None:
        """Forget the policy, and one that is being loaded: the next one may need the memory."""
        self._change.cancel()
        del self._decisions
        gc.collect()  # a stopped loop refers to itself, and to its policy

    def destroy_node(self) -> None:
        """As of the base class."""
        self._python_log.close()
        super().destroy_node()

    def _check_wanted(self, name: str) -> None:
        check_allowed(name, self._settings.policy_root, self._settings.policy_from_hub)
        if self._change.running:
            check_wanted(name, self._robot, self._decisions.policy.file)
        else:
            check_wanted(name)

    def carried_over(self) -> list[Parameter[Any]]:
        """The policy, which may have been changed."""
        return [Parameter("policy", value=self._change.running)]

    def _load_beside(self, name: str) -> PolicyLoading:
        return PolicyLoading(name, self._robot, self._options, self._decisions.policy.file)

    def _take_over(self, policy: Policy) -> None:
        self._decisions.change(policy, self._now())
        self._listen_to_plans(policy)
        self._tell_if_ignored()
        self._compare_with(policy.file)
        if self._loop is None:
            self._decide_for(policy)

    def _listen_to_plans(self, policy: Policy) -> None:
        """To what the executor foresees, which it works out for those who listen only: for a policy that takes prefixes, from then on."""
        if not (policy.max_prefix and self._settings.prefixes) or self._hears_plans:
            return
        self._hears_plans = True
        self._subscribe(JointTrajectory, PLAN_JOINTS, lambda message: self._on_plan(JOINTS, message), "plan", PLAN_QOS)
        if policy.file.space.dim > policy.file.space.num_joints:
            self._subscribe(MultiDOFJointTrajectory, PLAN_BASE, lambda message: self._on_plan(BASE, message), "plan", PLAN_QOS)

    def _on_plan(self, stream: str, message: Any) -> None:
        file = self._decisions.policy.file
        try:
            is_base = stream == BASE
            foreseen = read_base_plan(message, file.dt) if is_base else read_joint_plan(message, file.space.joint_names, file.dt)
        except ChunkError as error:
            self._decisions.told(stream, nothing(()))  # what was foreseen before is replaced by nobody knows what
            raise ObservationError(f"{stream}: {error}", ("plan",)) from error
        self._decisions.told(stream, foreseen)

    def _compare_with(self, file: PolicyFile) -> None:
        self._likeness.follow(file.name, file.images, file.vision.cameras)

    def _decide_for(self, policy: Policy) -> None:
        rates = self._settings.backbone_rate_hz, self._settings.head_rate_hz
        self._decisions = InferenceDecisions(policy, self._builder, *rates, self._statistics.count, self._settings.prefixes)

    def _subscribe(
        self, kind: type, topic: str, callback: Callable[..., None], name: str, qos: QoSProfile = qos_profile_sensor_data
    ) -> None:
        """`callback` gets a message that was found to be of a size that the topic can hold; of joint states, bytes and their publisher."""
        heard: float | None = None  # [s]

        def checked(data: bytes) -> None:
            callback(read_message(data, kind))

        def take(*message: Any) -> None:
            nonlocal heard
            heard = time.monotonic()
            try:
                handle(*message)
                self._good_again.add(name)
            except ObservationError as error:
                self._refused[name] = str(error)
                self._good_again.discard(name)
                self._statistics.count(f"messages_refused_{name}")
                self._report(f"refused {topic}", f"message on {subscription.topic_name} refused: {error}")

        def receive(data: bytes) -> None:
            take(data)

        def receive_all(data: bytes, info: Any) -> None:
            """A wake-up for each of 1,000 messages a second is more than the thread has time for: what waits is taken with the first."""
            take(data, info)
            for more in waiting(subscription, kind, qos.depth):
                take(*more)

        deep = qos is JOINT_STATES_QOS
        handle = callback if deep else checked
        subscription = self.create_subscription(kind, topic, receive_all if deep else receive, qos, raw=True)
        if topic not in (AUDIO, INSTRUCTION, PLAN_JOINTS, PLAN_BASE):  # a microphone may send only what it takes for speech
            self._deafness.watch(topic, lambda: heard)

    def _on_image(self) -> None:
        if self._loop is not None:
            self._loop.image_arrived()

    def _on_joint_state(self, data: bytes, info: Any) -> None:
        self._builder.joint_states.add(*self._joint_state_reader.read(data), publisher_of(info), time.monotonic_ns())

    def _on_audio(self, message: Any) -> None:
        samples, delay = self._sound.convert(self._read_audio(message))
        if len(samples):
            self._builder.audio.add(self._now() - delay, samples)

    def _on_instruction(self, message: String) -> None:
        words = checked_instruction(message.data)
        if words == self._builder.instruction:
            return
        self._builder.instruction = words
        text = f"told: '{printable(words)}' ({self._use_of_words()})" if words else "told nothing any more"
        self.get_logger().info(text, throttle_duration_sec=1.0)
        self._tell_if_ignored()

    def _use_of_words(self) -> str:
        """What becomes of what the policy is told."""
        policy, builder = self._decisions.policy, self._builder
        if policy.reads:
            return "read"
        if not policy.uses_audio:
            return "ignored: the policy neither reads nor listens"
        if builder.audio.latest_stamp is not None:
            return "ignored: the policy does not read, and listens to the microphone"
        return f"ignored: {self._mute}" if self._mute else "spoken"

    def _tell_if_ignored(self) -> None:
        name, use = self._decisions.policy.file.name, self._use_of_words()
        if self._builder.instruction and use.startswith("ignored") and (name, use) not in self._ignored:
            self._ignored.add((name, use))
            self.get_logger().warning(f"what is told on '{INSTRUCTION}' is {use}")

    def _now(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _report(self, kind: str, text: str) -> None:
        """Log at most one line of a kind every `LOG_PERIOD_S`; called from the inference thread too."""
        now = time.monotonic()
        if now - self._complaints.get(kind, -LOG_PERIOD_S) < LOG_PERIOD_S:
            return
        self._complaints[kind] = now
        if kind == "failure":
            self.get_logger().error(text)
        else:
            self.get_logger().warning(text)

    def _publish_diagnostics(self) -> None:
        deaf = self._deafness.deaf(time.monotonic(), works=self._loop is not None and not self._loop.problem)
        if deaf and not self._change.busy:  # a wish for another policy is not lost
            self.rejoin(complaint(deaf))
        now, sound = self._now(), self._builder.audio
        stamps = {"audio": sound.latest_stamp, "features": self._decisions.features_stamp if self._loop is not None else None}
        values: dict[str, object] = {
            **self._statistics.summary(),
            **self._camera_topics.diagnostics(now),
            **{f"{name}_age_ms": 1e-6 * (now - stamp) for name, stamp in stamps.items() if stamp is not None},
            **self._change.diagnostics(),
            "deaf_to": ", ".join(deaf) or "none",
            "too_late": (self._loop.too_late if self._loop is not None else "") or "none",
            "refused": "; ".join(self._refused.values()) or "none",
            "unlike": "; ".join(self._likeness.problems.values()) or "none",
            "joint_states_late": self._builder.joint_states.late,
            "audio_gaps": sound.gaps,
            "instruction": printable(self._builder.instruction) or "none",
            "instruction_use": self._use_of_words(),
            "clock_refused": self.clock_refused,
            "policy_name": self._decisions.policy.file.name,
            **self._told_of_prefixes(),
        }
        level, message = self._state()
        # The robot's name, not the policy's: viewers tell statuses apart by it, and the policy may change.
        status = DiagnosticStatus(level=level, name=self.status_name("inference"), message=message, hardware_id=self._robot.name)
        status.values = [KeyValue(key=k, value=f"{v:.3f}" if isinstance(v, float) else str(v)) for k, v in sorted(values.items())]
        array = DiagnosticArray(status=[status])
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics_publisher.publish(array)
        for name in self._good_again:
            self._refused.pop(name, None)

    def _told_of_prefixes(self) -> dict[str, object]:
        """How long the newest prefix was, or why there was none, and the delay that was reckoned with."""
        committed, delay = self._decisions.committed, self._decisions.delay
        return {
            "max_prefix": self._decisions.policy.max_prefix,
            "prefix_steps": 0 if committed is None else len(committed),
            "prefix_missing": "no chunk yet" if committed is None else committed.why or "none",
            "delay_ms": math.nan if delay is None else 1e3 * delay,
        }

    def _state(self) -> tuple[bytes, str]:
        loop = self._loop
        if loop is None:
            return DiagnosticStatus.OK, "inactive"
        problems = [*self._refused.values(), *filter(None, (loop.problem, loop.too_late))]  # the first explain the second
        if problems:
            return DiagnosticStatus.WARN, "; ".join(problems)
        quiet = time.monotonic() - loop.last_published
        rate = self._settings.head_rate_hz or self._settings.backbone_rate_hz
        if quiet > max(STALLED_S, 5.0 / rate):
            reason = "an inference has not ended" if self._decisions.busy else "does the clock run?"
            return DiagnosticStatus.WARN, f"no chunk for {quiet:.1f} s; {reason}"
        if self._likeness.problems:
            return DiagnosticStatus.WARN, "; ".join(["publishing chunks", *self._likeness.problems.values()])
        return DiagnosticStatus.OK, "publishing chunks"
