"""What a node's process sets up before anything is loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from neon_control.core.common.thread_pools import SETTINGS, let_idle_threads_sleep
from neon_control.nodes.transport import PROFILES, PROFILES_JAZZY, TRANSPORTS, choose_transport


@pytest.mark.parametrize("given", [{}, {"RMW_IMPLEMENTATION": "rmw_fastrtps_cpp"}, {"RMW_IMPLEMENTATION": "rmw_fastrtps_dynamic_cpp"}])
@pytest.mark.parametrize(
    ("distribution", "name"), [("jazzy", PROFILES_JAZZY), ("kilted", PROFILES), ("lyrical", PROFILES), (None, PROFILES)]
)
def test_the_profile_file_is_named_as_this_generation_of_fast_dds_asks(given: dict[str, str], distribution: str | None, name: str) -> None:
    given = {**given, **({"ROS_DISTRO": distribution} if distribution else {})}
    environment = dict(given)
    choose_transport(environment)
    file = Path(environment.pop(name))
    assert environment == given
    assert file.name == "fastdds.xml" and file.is_file()


@pytest.mark.parametrize(
    "given",
    [
        {"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"},
        {"RMW_IMPLEMENTATION": "rmw_zenoh_cpp"},
        {TRANSPORTS: "UDPv4"},
        {PROFILES: "mine.xml"},
        {PROFILES_JAZZY: "mine.xml"},
    ],
)
def test_what_the_user_chose_is_left_alone(given: dict[str, str]) -> None:
    environment = dict(given)
    choose_transport(environment)
    assert environment == given


def test_settings_of_thread_pools_yield_to_the_user() -> None:
    environment = {"OPENBLAS_NUM_THREADS": "4"}
    let_idle_threads_sleep(environment)
    assert environment == {**SETTINGS, "OPENBLAS_NUM_THREADS": "4"}


def test_the_entry_point_loads_neither_numpy_nor_rclpy_before_it_has_prepared_the_process() -> None:
    code = "import sys, neon_control.nodes.inference_node; print({'numpy', 'rclpy', 'onnxruntime'} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert result.stdout.strip() == "set()"
