"""What a node's process sets up before anything is loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from neon_control.nodes.thread_pools import SETTINGS, let_idle_threads_sleep
from neon_control.nodes.transport import PROFILES, TRANSPORTS, choose_transport


@pytest.mark.parametrize("given", [{}, {"RMW_IMPLEMENTATION": "rmw_fastrtps_cpp"}, {"RMW_IMPLEMENTATION": "rmw_fastrtps_dynamic_cpp"}])
def test_the_profile_file_is_named_to_both_generations_of_fast_dds(given: dict[str, str]) -> None:
    environment = dict(given)
    choose_transport(environment)
    files = {environment.pop(name) for name in PROFILES}
    assert environment == given
    assert [Path(file).name for file in files] == ["fastdds.xml"]
    assert all(Path(file).is_file() for file in files)


@pytest.mark.parametrize(
    "given",
    [
        {"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"},
        {"RMW_IMPLEMENTATION": "rmw_zenoh_cpp"},
        {TRANSPORTS: "UDPv4"},
        {PROFILES[0]: "mine.xml"},
        {PROFILES[1]: "mine.xml"},
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
