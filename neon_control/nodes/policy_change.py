"""Another policy while one runs: the parameter `policy`, and the service `~/reload_policy` for new files under the same name.

The new policy is loaded in a thread of its own; a timer sees when it is ready, so that everything of ROS happens in the spinning thread.
A policy that is refused leaves the running one alone, and the reason is logged. Setting the parameter fails at once where its name or its
description tells; where only the loading does, the parameter goes back to the policy that runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.task import Future
from std_srvs.srv import Trigger

from neon_control.core.common.errors import NeonControlError
from neon_control.nodes.lifecycle import STEADY_CLOCK
from neon_control.runtime.policy.loading import PolicyLoading
from neon_control.runtime.policy.policy import Policy

POLL_S = 0.05  # [s]


class PolicyChange:
    """Wiring of a node whose parameter `policy` is declared already.

    Args:
        node: the node.
        check: raises a `NeonControlError` if it can be said at once that this policy cannot follow.
        load: begins to load the policy of this name beside the running one.
        take_over: makes a loaded policy the running one, or refuses it with a `NeonControlError`.

    Attributes:
        running: what the parameter was when the running policy was loaded; empty while none runs. The node sets it at the first one.
    """

    def __init__(
        self,
        node: Node,
        check: Callable[[str], None],
        load: Callable[[str], PolicyLoading],
        take_over: Callable[[Policy], None],
    ) -> None:
        self.running = ""
        self._node = node
        self._check = check
        self._load = load
        self._take_over = take_over
        self._loading: PolicyLoading | None = None
        self._outcome: Future[str] = Future()  # of the loading under way: why the policy was refused, or an empty text
        self._refused = ""
        self._counts = {"policies_loaded": 0, "policies_refused": 0}
        node.add_on_set_parameters_callback(self._allow)
        node.add_post_set_parameters_callback(self._after_set)
        # A group of its own: a callback that waits keeps the others of its group from running.
        self._group = MutuallyExclusiveCallbackGroup()
        node.create_service(Trigger, "~/reload_policy", self._on_reload, callback_group=self._group)

    @property
    def busy(self) -> bool:
        """Whether a policy is being loaded."""
        return self._loading is not None

    def cancel(self) -> None:
        """No policy runs any more; one that is being loaded is dropped."""
        self.running = ""
        if self._loading is not None:
            self._finish("the node was cleaned up meanwhile")

    def diagnostics(self) -> dict[str, object]:
        """What runs, what is being loaded, and why the newest wish was refused."""
        loading = self._loading.name if self._loading is not None else ""
        return {**self._counts, "policy": self.running, "policy_loading": loading, "policy_refused": self._refused}

    def _allow(self, parameters: list[Parameter[Any]]) -> SetParametersResult:
        for name in (p.value for p in parameters if p.name == "policy"):
            if self._loading is not None:
                return SetParametersResult(successful=False, reason=f"policy {self._loading.name} is still being loaded")
            if name == self.running:  # whatever has become of its files: after a refusal the parameter goes back to it
                continue
            try:
                self._check(name)
            except NeonControlError as error:
                self._note_outcome(name, str(error))
                return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _after_set(self, parameters: list[Parameter[Any]]) -> None:
        for name in (p.value for p in parameters if p.name == "policy"):
            if self.running and name != self.running:
                self._begin(name)

    async def _on_reload(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if not self.running:
            response.message = "no policy runs: the node is not configured"
        elif self._loading is not None:
            response.message = f"policy {self._loading.name} is still being loaded"
        else:
            self._begin(self.running)
            problem = await self._outcome
            response.success = not problem
            response.message = problem or f"policy {self.running} loaded again"
        return response

    def _begin(self, name: str) -> None:
        self._node.get_logger().info(f"policy {name} is being loaded beside {self.running}")
        self._loading = self._load(name)
        self._outcome = Future(executor=self._node.executor)
        # A steady clock: simulated time may stand still.
        self._timer = self._node.create_timer(POLL_S, self._poll, clock=STEADY_CLOCK)

    def _poll(self) -> None:
        loading = self._loading
        if loading is None or not loading.done:
            return
        problem = loading.problem
        if loading.policy is not None:
            try:
                self._take_over(loading.policy)
                self.running = loading.name
                self._node.get_logger().info(f"policy {loading.name} takes over; loaded in {loading.seconds:.1f} s")
            except NeonControlError as error:
                problem = str(error)
        self._finish(problem)

    def _finish(self, problem: str) -> None:
        name, self._loading = self._loading.name if self._loading is not None else "", None
        self._node.destroy_timer(self._timer)
        self._note_outcome(name, problem)
        if problem and self.running:
            self._node.set_parameters([Parameter("policy", value=self.running)])
        self._outcome.set_result(problem)

    def _note_outcome(self, name: str, problem: str) -> None:
        self._counts["policies_refused" if problem else "policies_loaded"] += 1
        self._refused = f"{name}: {problem}" if problem else ""
        if problem:
            self._node.get_logger().error(f"policy {name} refused: {problem}")
