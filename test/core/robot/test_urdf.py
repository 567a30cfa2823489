"""URDF files: what is read, and what is refused with the file and the element at fault."""

from __future__ import annotations

import encodings
import pkgutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.urdf import MAX_PARTS, Urdf, read_urdf

LINKS = "".join(f'<link name="{name}"/>' for name in "abc")


def joint(name: str, kind: str = "revolute", parent: str = "a", child: str = "b", more: str = "") -> str:
    return f'<joint name="{name}" type="{kind}"><parent link="{parent}"/><child link="{child}"/>{more}</joint>'


Parse = Callable[[str], Urdf]


@pytest.fixture
def parse(tmp_path: Path) -> Parse:
    """Reads the three links and what is given, from a file."""

    def read(joints: str) -> Urdf:
        file = tmp_path / "r.urdf"
        file.write_text(f'<robot name="r">{LINKS}{joints}</robot>')
        return read_urdf(file)

    return read


def test_a_joint_is_read_with_the_defaults_of_the_format(parse: Parse) -> None:
    read = parse(joint("j")).joints["j"]
    assert (read.name, read.kind, read.parent, read.child, read.limit) == ("j", "revolute", "a", "b", None)
    assert (read.source, read.multiplier, read.offset) == ("j", 1.0, 0.0)
    assert (read.translation.tolist(), read.roll_pitch_yaw.tolist(), read.axis.tolist()) == ([0, 0, 0], [0, 0, 0], [1, 0, 0])


def test_a_joint_is_read_as_it_is_written(parse: Parse) -> None:
    more = '<origin xyz="1 2 3" rpy="0.1 0.2 0.3"/><axis xyz="0 3 4"/><limit lower="-1" upper="2" velocity="4" effort="9"/>'
    urdf = parse(joint("j", more=more) + joint("k", "prismatic", "b", "c", '<mimic joint="j" multiplier="-2" offset="0.5"/>'))
    j, k = urdf.joints["j"], urdf.joints["k"]
    assert (urdf.root, urdf.links, list(urdf.joints)) == ("a", ("a", "b", "c"), ["j", "k"])
    assert (j.translation.tolist(), j.roll_pitch_yaw.tolist()) == ([1, 2, 3], [0.1, 0.2, 0.3])
    assert np.allclose(j.axis, [0, 0.6, 0.8])
    assert j.limit == urdf.commanded("j").limit == (-1.0, 2.0, 4.0)
    assert (j.unit, k.unit) == ("rad", "m")
    assert (k.source, k.multiplier, k.offset) == ("j", -2.0, 0.5)


def test_a_joint_that_does_not_turn_may_have_an_axis_of_zeros(parse: Parse) -> None:
    assert parse(joint("j", "fixed", more='<axis xyz="0 0 0"/>')).joints["j"].axis.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("joints", "message"),
    [
        ("<joint", "not valid XML"),
        ("<joint type='fixed'/>", "joint needs the attribute 'name'"),
        ("<link/>", "link needs the attribute 'name'"),
        ("<joint name='j' type='fixed'><parent link='a'/></joint>", "joint j needs a parent and a child"),
        ("<joint name='j' type='fixed'><parent/><child link='b'/></joint>", "joint j: parent needs the attribute 'link'"),
        (joint("j", "hinge"), "joint j: type is 'hinge', but must be one of"),
        (joint("j", more='<origin xyz="0 0"/>'), "joint j: origin xyz needs three numbers, got '0 0'"),
        (joint("j", more='<origin rpy="0 0 up"/>'), "joint j: origin rpy needs three numbers, got '0 0 up'"),
        (joint("j", more='<axis xyz="0 0 nan"/>'), "joint j: axis xyz needs three numbers, got '0 0 nan'"),
        (joint("j", more='<axis xyz="0 0 0"/>'), "joint j: its axis has no direction"),
        (joint("j", more='<limit lower="low"/>'), "joint j: limit lower needs a number, got 'low'"),
        (joint("j", more='<mimic joint="k"/>'), "joint j names joint k, which is not in the file"),
        (joint("j", parent="d"), "joint j names link d, which is not in the file"),
        (joint("j") + joint("j", child="c"), "joint j is there more than once"),
        (joint("j") + joint("k"), "child link b is there more than once"),
        ("<link name='a'/>", "link a is there more than once"),
    ],
)
def test_a_malformed_file_is_refused_with_its_name_and_the_element(parse: Parse, joints: str, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"r\.urdf: .*{message}"):
        parse(joints)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    for text, message in (
        ("<mujoco/>", "needs the element <robot> at the top level, got <mujoco>"),
        ("<?xml version='1.0' encoding='odd'?><robot/>", "unknown encoding"),
    ):
        (tmp_path / "m.xml").write_text(text)
        with pytest.raises(ConfigError, match=rf"m\.xml: .*{message}"):
            read_urdf(tmp_path / "m.xml")
    with pytest.raises(ConfigError, match=r"missing\.urdf"):
        read_urdf(tmp_path / "missing.urdf")


@pytest.mark.parametrize(
    ("name", "joints", "message"),
    [
        ("k", joint("j"), r"no joint named k; it has \['j'\]"),
        ("j", joint("j", "planar"), r"joint j must be one of \['revolute', 'continuous', 'prismatic'\] to be commanded, got 'planar'"),
        ("k", joint("j") + joint("k", child="c", more='<mimic joint="j"/>'), "joint k mimics another one"),
    ],
)
def test_a_joint_that_cannot_be_commanded_is_refused(parse: Parse, name: str, joints: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(joints).commanded(name)


def chain(links: int) -> str:
    joints = "".join(joint(f"j{i}", "fixed", f"l{i}", f"l{i + 1}") for i in range(links - 1))
    elements = "".join(f'<link name="l{i}"/>' for i in range(links))
    return f"<robot name='r'>{elements}{joints}</robot>"


@pytest.mark.parametrize("links", [MAX_PARTS + 1, 200_000])
@pytest.mark.timeout(20)
def test_a_file_with_more_links_than_any_robot_is_refused_in_time(tmp_path: Path, links: int) -> None:
    """The wound: each name was looked for among all before it; 200,000 links took hours."""
    file = tmp_path / "r.urdf"
    file.write_text(chain(links))
    with pytest.raises(ConfigError, match=r"r\.urdf: .*(2001 elements <link>, at most 2000 are read|more than the 4194304 bytes)"):
        read_urdf(file)


def test_no_encoding_that_python_knows_brings_a_traceback(tmp_path: Path) -> None:
    file = tmp_path / "r.urdf"
    for encoding in (module.name for module in pkgutil.iter_modules(encodings.__path__)):
        file.write_bytes(f"<?xml version='1.0' encoding='{encoding}'?>".encode() + b"<robot name='\xe4\x00'/>")
        with pytest.raises(ConfigError, match=r"r\.urdf"):
            read_urdf(file)
