"""A second policy is loaded beside the first, or refused with the reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from policies import write_policy
from waiting import wait_until

from neon_control.core.common.errors import PolicyError
from neon_control.core.robot.robot_file import load_robot
from neon_control.runtime.encoders.backbone import BackboneOptions
from neon_control.runtime.policy.loading import PolicyLoading, check_successor, check_wanted
from neon_control.runtime.policy.policy_file import ONNX_FILE, PolicyFile, read_policy_file

LIMIT = 60.0  # [s]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("policies")
    write_policy(folder / "first")
    write_policy(folder / "second", seed=1)
    write_policy(folder / "legs", mode="whole_body")
    return folder


@pytest.fixture(scope="module")
def running(folders: Path) -> PolicyFile:
    return read_policy_file(folders / "first")


def load(name: Path | str, running: PolicyFile) -> PolicyLoading:
    loading = PolicyLoading(name, load_robot("g1.yaml"), BackboneOptions(), running)
    wait_until(lambda: loading.done, LIMIT, "the end of the loading")
    return loading


def test_a_good_policy_comes_out_warm(folders: Path, running: PolicyFile) -> None:
    loading = load(folders / "second", running)
    assert loading.policy is not None and not loading.problem
    assert loading.policy.file.folder == folders / "second"
    assert loading.policy.last_ms.keys() == {"vision", "audio", "action_layer"}, "it has run already"
    assert 0.0 < loading.seconds < LIMIT


def test_a_damaged_file_is_refused_by_its_name(folders: Path, running: PolicyFile, tmp_path: Path) -> None:
    write_policy(tmp_path / "damaged", seed=1)
    graph = tmp_path / "damaged" / ONNX_FILE
    graph.write_bytes(graph.read_bytes()[:-1])
    loading = load(tmp_path / "damaged", running)
    assert loading.policy is None
    assert ONNX_FILE in loading.problem and "does not belong to" in loading.problem


def test_a_missing_folder_is_refused(running: PolicyFile, tmp_path: Path) -> None:
    loading = load(tmp_path / "nowhere", running)
    assert loading.policy is None and "no such policy" in loading.problem


def test_another_mode_is_refused_with_both_sides(folders: Path, running: PolicyFile) -> None:
    loading = load(folders / "legs", running)
    assert loading.policy is None
    assert "policy legs has the mode whole_body, the running policy first has arms_only" in loading.problem


def test_what_the_executor_is_set_up_for_must_not_change(running: PolicyFile) -> None:
    space = running.space
    none_of_the_executors_business = replace(running, dt=0.05, vision=replace(running.vision, fit="crop"), audio=None)
    check_successor(none_of_the_executors_business, running)
    with pytest.raises(PolicyError, match="steps of a chunk 8"):
        check_successor(replace(running, num_steps=8), running)
    with pytest.raises(PolicyError, match="has the joints"):
        check_successor(replace(running, space=replace(space, joint_names=space.joint_names[::-1])), running)
    joints = slice(space.num_joints)
    without_base = replace(space, lower=np.array(space.lower[joints]), upper=np.array(space.upper[joints]))
    with pytest.raises(PolicyError, match="action dimensions 14, the running policy first has 17"):
        check_successor(replace(running, space=without_base), running)


def test_what_the_description_tells_is_refused_before_anything_is_loaded(folders: Path, running: PolicyFile) -> None:
    robot = load_robot("g1.yaml")
    check_wanted(str(folders / "second"), robot, running)
    check_wanted("someone/repository")  # only the hub knows
    with pytest.raises(PolicyError, match="no such policy"):
        check_wanted("nosuch")
    with pytest.raises(PolicyError, match="has the mode whole_body, the running policy"):
        check_wanted(str(folders / "legs"), robot, running)
    with pytest.raises(PolicyError, match="joints that robot arm6 does not have"):
        check_wanted(str(folders / "second"), load_robot("arm6.yaml"))
