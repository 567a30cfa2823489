"""A lifecycle node that can start itself, and the one way in which every node of this package is run.

`ros2 lifecycle` and a lifecycle manager see an ordinary managed node. With the parameter `autostart` (the default) the node
configures and activates itself as soon as it is spun, so that it also works where no manager exists.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import rclpy
import rclpy.logging
from lifecycle_msgs.msg import State
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.timer import Timer

from neon_control.core.common.errors import NeonControlError
from neon_control.nodes.launched import end_with_launch
from neon_control.nodes.other_ports import other_ports
from neon_control.nodes.shared_memory import remove_dead_segments
from neon_control.nodes.simulated_clock import ClockGuard
from neon_control.nodes.start import start_ros

STEADY_CLOCK = Clock(clock_type=ClockType.STEADY_TIME)  # for timers that must go on while simulated time stands still
SIGNAL_LATENCY = 0.05  # [s] longest time between a signal and the begin of the stop


class AutostartNode(LifecycleNode, ClockGuard):
    """Lifecycle node whose transitions are four plain methods.

    Subclasses override `configure`, `activate`, `deactivate` and `cleanup`; raising a `NeonControlError` there logs the
    message and refuses the transition. A refused transition of an autostarted node ends the process (`failed`).
    """

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, **options)
        description = ParameterDescriptor(description="configure and activate without a lifecycle manager", read_only=True)
        self.failed = self.configuring = self.rejoins = False
        if self.declare_parameter("autostart", True, description).value:
            # A steady clock: under use_sim_time a timer on the node's clock would wait for /clock.
            self._autostart_timer: Timer = self.create_timer(0.0, self._autostart, clock=STEADY_CLOCK)

    def configure(self) -> None:
        """Read parameters, load files, create publishers and subscriptions."""

    def activate(self) -> None:
        """Begin to work."""

    def deactivate(self) -> None:
        """Come to a stated stop; returns when stopped. Must be quick (but for the time that braking takes, under 2 s) and never raise."""

    def cleanup(self) -> None:
        """Undo `configure`. Publishers, subscriptions, services and timers that it created are destroyed without asking."""

    def rejoin(self, why: str) -> None:
        """End in order and be built anew by `run`, with a new participant, which all others have to discover.

        Only an active node that starts itself does; one with a manager just says why it should.
        """
        if not self.is_active:
            return
        able = bool(self.get_parameter("autostart").value)
        self.get_logger().error(f"{why}; {'joining anew' if able else 'restart this node'}", throttle_duration_sec=60.0)
        self.rejoins = able

    def carried_over(self) -> list[Parameter[Any]]:
        """Parameters that were changed since the start, for the node that takes this one's place."""
        return []

    def status_name(self, component: str) -> str:
        """What a part of the node is called on /diagnostics (REP-107), where the robots of all namespaces meet: "r1/some_node: part"."""
        return f"{self.get_fully_qualified_name().lstrip('/')}: {component}"

    @property
    def is_active(self) -> bool:
        """Whether the node is in the lifecycle state `active`."""
        return bool(self._state_machine.current_state[0] == State.PRIMARY_STATE_ACTIVE)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._permanent = {entity for entity, _ in self._entities()}
        self.configuring = True
        try:
            result = self._attempt(self.configure)
        finally:
            self.configuring = False
        if result != TransitionCallbackReturn.SUCCESS:
            self._destroy_entities()
        return result

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._attempt(self.activate)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._attempt(self.deactivate)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        result = self._attempt(self.cleanup)
        self._destroy_entities()
        return result

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        if state.state_id == State.PRIMARY_STATE_ACTIVE:
            return self._attempt(self.deactivate)
        return TransitionCallbackReturn.SUCCESS

    def _entities(self) -> list[tuple[Any, Callable[[Any], object]]]:
        """Everything that the node has created, each with the call that destroys it."""
        return [
            *[(e, self.destroy_publisher) for e in self.publishers],
            *[(e, self.destroy_subscription) for e in self.subscriptions],
            *[(e, self.destroy_service) for e in self.services],
            *[(e, self.destroy_timer) for e in self.timers],
            *[(e, lambda client: client.destroy()) for e in self.waitables],  # actions
        ]

    def _destroy_entities(self) -> None:
        for entity, destroy in self._entities():
            if entity not in self._permanent:
                destroy(entity)

    def _attempt(self, step: Callable[[], None]) -> TransitionCallbackReturn:
        try:
            step()
        except NeonControlError as error:
            self.get_logger().error(f"{step.__name__} refused: {error}")
            return TransitionCallbackReturn.FAILURE
        except Exception:  # rclpy would turn it into an error state without a word
            self.get_logger().fatal(f"{step.__name__} failed: {traceback.format_exc()}")
            return TransitionCallbackReturn.ERROR
        return TransitionCallbackReturn.SUCCESS

    def _autostart(self) -> None:
        self._autostart_timer.cancel()
        success = TransitionCallbackReturn.SUCCESS
        self.failed = self.trigger_configure() != success or self.trigger_activate() != success


def run(factory: Callable[..., Node], args: Sequence[str] | None = None) -> int:
    """Initialise ROS, spin the node that `factory` builds until a signal or an external shutdown, and end in order.

    The default signal handlers of rclpy invalidate the context at once, after which nothing can be published. So this
    function takes SIGINT and SIGTERM itself: an active node is deactivated first, with working publishers.

    Returns the exit code: 0 after a clean stop, 1 when the node could not be built or started.
    """
    stop = threading.Event()
    remove_dead_segments()  # of predecessors that crashed
    code, carried = _live(factory, args, stop)
    while carried is not None:
        code, carried = _live(partial(_built_anew, factory, args, carried), args, stop)
    return code


def _built_anew(factory: Callable[..., Node], args: Sequence[str] | None, carried: list[Parameter[Any]]) -> Node:
    with other_ports(args):
        return factory(parameter_overrides=carried)


def _live(factory: Callable[..., Node], args: Sequence[str] | None, stop: threading.Event) -> tuple[int, list[Parameter[Any]] | None]:
    """The life of one node: its exit code, and what it hands over if it is to be built anew."""
    log = rclpy.logging.get_logger("neon_control")
    node: Node | None = None

    def end(*_: object) -> None:
        stop.set()
        if getattr(node, "configuring", False):
            raise KeyboardInterrupt  # nothing moves yet, and loading a policy can take minutes

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    try:
        end_with_launch()
        start_ros(args)
        _warn_of_open_security(log)
        if stop.is_set():  # a Ctrl-C in the first second: building a node can take several
            return 0, None
        node = factory()
        spinner = SingleThreadedExecutor()
        spinner.add_node(node)
        while rclpy.ok() and not stop.is_set() and not getattr(node, "failed", False):
            spinner.spin_once(timeout_sec=SIGNAL_LATENCY)
            if isinstance(node, AutostartNode) and node.rejoins:
                return 0, node.carried_over()
    except (ExternalShutdownException, KeyboardInterrupt):
        pass
    except NeonControlError as error:
        log.fatal(str(error))
        return 1, None
    finally:
        _end(node)
    return 1 if getattr(node, "failed", False) else 0, None


def _warn_of_open_security(log: RcutilsLogger, environment: Mapping[str, str] = os.environ) -> None:
    """ROS 2 security without `Enforce` lets a node without keys run openly: it looks safe, and is not."""
    if environment.get("ROS_SECURITY_ENABLE") == "true" and (strategy := environment.get("ROS_SECURITY_STRATEGY", "")) != "Enforce":
        log.warning(
            f"ROS_SECURITY_ENABLE is true, but ROS_SECURITY_STRATEGY is {strategy!r}: a node without keys, this one perhaps, talks to "
            "everybody; set it to Enforce"
        )


def _end(node: Node | None) -> None:
    if node is not None:
        if isinstance(node, AutostartNode) and node.is_active and rclpy.ok():
            node.trigger_deactivate()
        node.destroy_node()
    gc.unfreeze()  # what core/common/realtime.py froze is never collected, and others would see the node until its lease ends: 60 s
    rclpy.try_shutdown()
