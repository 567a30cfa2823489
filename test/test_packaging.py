"""What the package imports is declared, for pip and for ROS; what it needs beside the code is installed with it."""

from __future__ import annotations

import itertools
import re
import sys
import xml.etree.ElementTree as ElementTree
from importlib.metadata import metadata, packages_distributions, requires
from pathlib import Path

import grimp
import yaml

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
    xml, citation = package_xml(), yaml.safe_load((ROOT / "CITATION.cff").read_text())
    version, date = re.findall(r"^(\d+\.\d+\.\d+) \((\S+)\)$", (ROOT / "CHANGELOG.rst").read_text(), flags=re.MULTILINE)[0]

    assert {xml.findtext("version"), citation["version"], version} == {neon_control.__version__}
    assert str(citation["date-released"]) == date
    assert xml.findtext("license") == citation["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text()[:300]


def test_type_checkers_are_told_that_the_package_has_types() -> None:
    assert Path(neon_control.__file__).with_name("py.typed").is_file()
    assert "py.typed" in (ROOT / "setup.py").read_text()


def test_every_supported_python_is_tested_before_a_change_lands() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())

    assert workflow["jobs"]["everything"]["strategy"]["matrix"]["python"] == ["3.10", "3.11", "3.12", "3.13"]
    assert metadata("neon_control")["Requires-Python"] == ">=3.10"


def test_no_more_files_are_without_a_test_of_their_own_than_the_rules_say() -> None:
    allowed = re.search(r"at most (\d+) files", (ROOT / "CONTRIBUTING.md").read_text())
    tests = {file.name for file in (ROOT / "test").rglob("test_*.py")}
    files = [file for file in (ROOT / "neon_control").rglob("*.py") if file.name != "__init__.py"]
    without = [str(file.relative_to(ROOT)) for file in files if f"test_{file.name}" not in tests]

    assert allowed is not None
    assert len(without) <= int(allowed[1]), without


def test_the_changelog_has_the_form_that_ros_tools_read() -> None:
    lines = (ROOT / "CHANGELOG.rst").read_text().splitlines()

    assert lines[1] == "Changelog for package neon_control"
    assert lines[0] == lines[2] == "^" * len(lines[0])
    sections = [(title, rule) for title, rule in itertools.pairwise(lines) if rule and set(rule) == {"-"}]
    assert sections
    for title, rule in sections:
        assert re.fullmatch(r"Forthcoming|\d+\.\d+\.\d+ \(\d{4}-\d{2}-\d{2}\)", title), title
        assert len(rule) == len(title)
