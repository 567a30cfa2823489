"""What a recording should say about the nodes that made it: their parameters, and which policy ran, by the hashes of its files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from rcl_interfaces.msg import ParameterType
from rclpy.node import Node
from rclpy.parameter import parameter_value_to_python
from rclpy.parameter_client import AsyncParameterClient

from neon_control.core.common.errors import NeonControlError
from neon_control.recordings.bag.bag_file import PARAMETERS_KEY, POLICY_KEY
from neon_control.runtime.policy.policy_file import DESCRIPTION_FILE, read_policy_file

ASK_PERIOD = 5.0  # [s] a policy may be changed while it runs


class NodeFacts:
    """Asks the node `name` in the namespace of `node` for its parameters, again and again; `node` has to be spun meanwhile.

    `note` takes key and text for the bag, when something is new.
    """

    def __init__(self, node: Node, name: str, note: Callable[[str, str], None]) -> None:
        self._name = name
        self._note = note
        self._client = AsyncParameterClient(node, node.resolve_service_name(name))
        self._due = 0.0  # [s]
        self._changes: list[dict[str, Any]] = []  # the parameters at first, and after each change

    def poll(self, now: float) -> None:
        """Ask if it is time, at `now` [s, monotonic]."""
        if now >= self._due and self._client.services_are_ready():
            self._due = now + ASK_PERIOD
            self._client.list_parameters(callback=self._on_names)

    def _on_names(self, future: Any) -> None:
        names = list(future.result().result.names)
        self._client.get_parameter_types(names, callback=partial(self._on_types, names))

    def _on_types(self, names: list[str], future: Any) -> None:
        # Asked for a parameter that is not set, for example an empty list, rclpy answers with no value at all.
        names = [n for n, kind in zip(names, future.result().types, strict=False) if kind != ParameterType.PARAMETER_NOT_SET]
        self._client.get_parameters(names, callback=partial(self._on_values, names))

    def _on_values(self, names: list[str], future: Any) -> None:
        values = future.result().values
        if len(values) != len(names):
            return
        parameters: dict[str, Any] = dict(zip(names, map(parameter_value_to_python, values), strict=True))
        for name, value in parameters.items():
            if not isinstance(value, bool | int | float | str):
                parameters[name] = list(value)  # an array
        if parameters in self._changes[-1:]:
            return
        self._changes.append(parameters)
        key = f"{PARAMETERS_KEY}{self._name}"
        if len(self._changes) == 1:
            self._note(key, json.dumps(parameters, sort_keys=True))
        else:
            self._note(f"{key}/changes", json.dumps(self._changes, sort_keys=True))
        if isinstance(parameters.get("policy"), str):
            self._note(POLICY_KEY, json.dumps(policy_identity(parameters["policy"]), sort_keys=True))


def policy_identity(name: str) -> dict[str, Any]:
    """Which policy a name means on this computer: its own name, where it lies, and the SHA-256 of its description and files."""
    try:
        file = read_policy_file(name)
    except NeonControlError as error:  # it lies on another computer
        return {"policy": name, "error": str(error)}
    description = hashlib.sha256((file.folder / DESCRIPTION_FILE).read_bytes()).hexdigest()
    return {"policy": name, "name": file.name, "folder": str(file.folder), "files": {DESCRIPTION_FILE: description, **file.files}}
