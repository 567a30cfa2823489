"""What the package imports is declared, for pip and for ROS; what it needs beside the code is installed with it."""

from __future__ import annotations

import itertools
import re
import sys
import xml.etree.ElementTree as ElementTree
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import grimp

import neon_control

ROOT = Path(__file__).resolve().parents[1]
MESSAGES = re.compile(r".*_(msgs|interfaces|srvs)")


def imported_packages() -> set[str]:
    """Top-level names of every third-party import in the package, tests left out."""
    graph = grimp.build_graph("neon_control", include_external_packages=True, cache_dir=None)
    names = {name.split(".")[0] for name in graph.modules if graph.is_module_squashed(name)}
    return names - sys.stdlib_module_names


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared_requirements() -> set[str]:
    """Names of all requirements of the installed package, of all extras."""
    return {normalised(re.split(r"[^\w.-]", requirement)[0]) for requirement in requires("neon_control") or []}


def package_xml() -> ElementTree.Element:
    return ElementTree.parse(ROOT / "package.xml").getroot()


def test_every_imported_package_is_declared_for_pip() -> None:
    declared = declared_requirements()
    distributions = packages_distributions()
    undeclared = {
        package
        for package in imported_packages()
        if not {normalised(d) for d in distributions.get(package, [package])} & declared
        and f"ros-kilted-{normalised(package)}" not in declared
        and f"ros-{normalised(package)}" not in declared
    }

    assert "numpy" in declared and "rclpy" in imported_packages()
    assert undeclared == set(), "setup.py must name them: other packages may stop bringing them along"


def test_every_imported_ros_package_is_declared_for_ros() -> None:
    declared = {element.text for element in package_xml().findall("exec_depend")}
    used = {package for package in imported_packages() if package == "rclpy" or MESSAGES.fullmatch(package)}

    assert {"rclpy", "sensor_msgs"} <= used
    assert used <= declared


def test_version_and_licence_agree_everywhere() -> None:
    xml = package_xml()

    assert xml.findtext("version") == neon_control.__version__
    assert xml.findtext("license") == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text()[:300]


def test_the_changelog_has_the_form_that_ros_tools_read() -> None:
    lines = (ROOT / "CHANGELOG.rst").read_text().splitlines()

    assert lines[1] == "Changelog for package neon_control"
    assert lines[0] == lines[2] == "^" * len(lines[0])
    sections = [(title, rule) for title, rule in itertools.pairwise(lines) if rule and set(rule) == {"-"}]
    assert sections
    for title, rule in sections:
        assert re.fullmatch(r"Forthcoming|\d+\.\d+\.\d+ \(\d{4}-\d{2}-\d{2}\)", title), title
        assert len(rule) == len(title)
