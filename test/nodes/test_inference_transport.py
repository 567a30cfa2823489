"""What a node's process sets up before anything is loaded."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from neon_control.nodes.thread_pools import SETTINGS, let_idle_threads_sleep
from neon_control.nodes.transport import VARIABLE, ensure_large_data, hazard


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "LARGE_DATA"),
        ({"RMW_IMPLEMENTATION": "rmw_fastrtps_cpp"}, "LARGE_DATA"),
        ({"RMW_IMPLEMENTATION": "rmw_fastrtps_dynamic_cpp"}, "LARGE_DATA"),
        ({"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"}, None),
        ({"RMW_IMPLEMENTATION": "rmw_zenoh_cpp"}, None),
        ({VARIABLE: "UDPv4"}, "UDPv4"),
        ({"FASTDDS_DEFAULT_PROFILES_FILE": "mine.xml"}, None),
        ({"FASTRTPS_DEFAULT_PROFILES_FILE": "mine.xml"}, None),
    ],
)
def test_the_transport_is_chosen_unless_the_user_did(environment: dict[str, str], expected: str | None) -> None:
    ensure_large_data(environment)
    assert environment.get(VARIABLE) == expected


def test_a_discovery_range_that_loses_images_is_named() -> None:
    assert "LOCALHOST" in hazard({"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"})
    assert hazard({"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST", "RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"}) == ""
    assert hazard({"ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"}) == hazard({}) == ""


def test_settings_of_thread_pools_yield_to_the_user() -> None:
    environment = {"OPENBLAS_NUM_THREADS": "4"}
    let_idle_threads_sleep(environment)
    assert environment == {**SETTINGS, "OPENBLAS_NUM_THREADS": "4"}


def test_the_entry_point_loads_neither_numpy_nor_rclpy_before_it_has_prepared_the_process() -> None:
    code = "import sys, neon_control.nodes.inference_node; print({'numpy', 'rclpy', 'onnxruntime'} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert result.stdout.strip() == "set()"
