"""The launch files: read as source everywhere, and loaded by the real `launch` where ROS 2 brings it."""

from __future__ import annotations

import ast
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
import yaml

from neon_control.nodes.transport import choose_transport
from neon_control.tools import cli

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "launch").glob("*.launch.py"))
ARGUMENTS = {
    "robot_config",
    "policy",
    "params_file",
    "namespace",
    "use_sim_time",
    "log_level",
    "rviz",
    "monitor",
    "state_publisher",
    "record",
}
OWN_ARGUMENTS = {
    "replay.launch.py": {"bag", "rate", "start_offset", "delay"},
    "g1.launch.py": {"network_interface", "domain", "max_weight", "simulated"},
}  # besides those of robot.launch.py


def tree(name: str) -> ast.Module:
    return ast.parse((ROOT / "launch" / name).read_text())


def calls(module: ast.Module, function: str) -> list[ast.Call]:
    return [n for n in ast.walk(module) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == function]


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((k.value for k in call.keywords if k.arg == name), None)


def constant(module: ast.Module, name: str) -> Any:
    """The value of a module-level constant that is written as a literal."""
    values = [n.value for n in module.body if isinstance(n, ast.Assign) and [ast.unparse(t) for t in n.targets] == [name]]
    return ast.literal_eval(values[0])


def declared_arguments(module: ast.Module) -> dict[str, ast.expr | None]:
    """Argument name -> its default, as source."""
    return {ast.literal_eval(call.args[0]): keyword(call, "default_value") for call in calls(module, "DeclareLaunchArgument")}


def executables() -> set[str]:
    return {point.name for point in entry_points(group="console_scripts") if point.value.startswith("neon_control.")}


def parameters() -> dict[str, dict[str, Any]]:
    """The shared parameter file: key of a node -> its parameters."""
    data = yaml.safe_load((ROOT / "config" / "robot.yaml").read_text())
    return {key: section["ros__parameters"] for key, section in data.items()}


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_a_launch_file_imports_only_launch_and_the_standard_library(file: Path) -> None:
    nodes = ast.walk(tree(file.name))
    imported = {n.module.split(".")[0] for n in nodes if isinstance(n, ast.ImportFrom) and n.module}
    imported |= {a.name.split(".")[0] for n in ast.walk(tree(file.name)) if isinstance(n, ast.Import) for a in n.names}

    assert {"launch"} <= imported - sys.stdlib_module_names <= {"launch", "launch_ros"}


def test_the_robot_launch_file_declares_the_documented_arguments() -> None:
    assert set(declared_arguments(tree("robot.launch.py"))) == ARGUMENTS


def test_every_argument_has_a_description_and_a_default() -> None:
    for call in calls(tree("robot.launch.py"), "DeclareLaunchArgument"):
        assert keyword(call, "description") is not None, ast.unparse(call)
        assert keyword(call, "default_value") is not None, ast.unparse(call)


def test_no_launch_argument_repeats_a_default_of_the_parameter_file() -> None:
    module = tree("robot.launch.py")
    defaults = declared_arguments(module)
    for names in constant(module, "OVERRIDES").values():
        for name in names:
            default = defaults[name]
            assert default is not None
            assert ast.literal_eval(default) == "", f"{name} must be empty by default: the parameter file says what it is"


def test_every_started_executable_is_an_entry_point() -> None:
    started = set(constant(tree("robot.launch.py"), "OVERRIDES"))
    started |= {word for word in words("sim.launch.py") if word.endswith("_node")} - {"own_node"}

    assert started == {"inference_node", "executor_node", "monitor_node", "sim_node"}
    assert started <= executables()


def test_nodes_of_other_packages_are_dependencies() -> None:
    module = tree("robot.launch.py")
    names = {"rsp": "robot_state_publisher"}
    packages = {names.get(ast.unparse(call.args[1]), ast.unparse(call.args[1]).strip("'")) for call in calls(module, "other_node")}
    declared = {element.text for element in ElementTree.parse(ROOT / "package.xml").getroot().findall("exec_depend")}

    assert packages == {"robot_state_publisher", "tf2_ros", "rviz2"}
    assert packages <= declared


def test_commands_that_the_launch_files_run_are_dependencies() -> None:
    """`ros2 bag record` needs the package ros2bag, and it writes mcap with a package of its own."""
    lists = [n.elts for file in FILES for n in ast.walk(tree(file.name)) if isinstance(n, ast.List)]
    commands = [[ast.literal_eval(w) for w in words if isinstance(w, ast.Constant)] for words in lists]
    needed = {f"ros2{command[1]}" for command in commands if command[:1] == ["ros2"]}
    needed |= {f"rosbag2_storage_{c[c.index('--storage') + 1]}" for c in commands if "--storage" in c}
    declared = {element.text for element in ElementTree.parse(ROOT / "package.xml").getroot().findall("exec_depend")}

    assert needed == {"ros2run", "ros2bag", "rosbag2_storage_mcap"}
    assert needed | {"ros2launch"} <= declared


def test_every_override_is_a_parameter_in_the_parameter_file() -> None:
    for node, names in constant(tree("robot.launch.py"), "OVERRIDES").items():
        assert set(names) <= set(parameters()[f"/**/{node}"])


def test_the_parameter_file_reaches_nodes_in_any_namespace() -> None:
    # A key without /**/ names a node of the root namespace only: with namespace:=r1 the file would silently not apply.
    assert all(key.startswith("/**/") for key in parameters())


def words(name: str) -> list[str]:
    """The texts of a launch file's calls, in order: enough to see what command line they make."""
    return [n.value for n in ast.walk(tree(name)) if isinstance(n, ast.Constant) and isinstance(n.value, str)]


def test_the_replay_launch_file_declares_its_own_arguments_and_those_it_includes() -> None:
    module = tree("replay.launch.py")

    assert set(declared_arguments(module)) == OWN_ARGUMENTS["replay.launch.py"]
    assert declared_arguments(module)["bag"] is None, "a replay without a recording must be refused"
    assert "robot.launch.py" in words("replay.launch.py")


def test_the_replay_launch_file_plays_with_a_clock_of_200_hz_and_moves_recorded_commands_away() -> None:
    module = tree("replay.launch.py")
    command = next(keyword(call, "cmd") for call in calls(module, "ExecuteProcess"))

    assert float(constant(module, "CLOCK_HZ")) >= 200.0
    assert command is not None
    text = ast.unparse(command)
    assert text.startswith("['ros2', 'bag', 'play', bag, *options") and text.endswith("'--remap', *remappings]")
    assert "'--clock', CLOCK_HZ" in ast.unparse(module)


@pytest.mark.parametrize(
    "environment",
    [
        {"ROS_DISTRO": "kilted"},
        {"ROS_DISTRO": "jazzy", "RMW_IMPLEMENTATION": "rmw_fastrtps_cpp"},
        {"ROS_DISTRO": "jazzy", "RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"},
        {"ROS_DISTRO": "kilted", "FASTDDS_BUILTIN_TRANSPORTS": "UDPv4"},
        {"ROS_DISTRO": "kilted", "FASTDDS_DEFAULT_PROFILES_FILE": "mine.xml"},
        {"ROS_DISTRO": "jazzy", "FASTRTPS_DEFAULT_PROFILES_FILE": "mine.xml"},
    ],
    ids=lambda e: ",".join(e.values()),
)
def test_the_player_of_a_bag_sends_images_over_the_transport_that_the_nodes_choose(environment: dict[str, str]) -> None:
    # It is a process of another package: without the profile nearly all images of the bag are lost, without a message.
    function = next(n for n in tree("replay.launch.py").body if isinstance(n, ast.FunctionDef) and n.name == "transport")
    found: dict[str, Any] = {"Path": Path, "Mapping": Mapping, "__file__": str(ROOT / "launch" / "replay.launch.py")}
    exec(compile(ast.Module(body=[function], type_ignores=[]), "replay.launch.py", "exec"), found)
    ours = dict(environment)
    choose_transport(ours)

    assert environment | found["transport"](environment) == ours
    assert "additional_env=environment" in ast.unparse(tree("replay.launch.py"))


@pytest.mark.parametrize("name", ["robot.launch.py", "replay.launch.py"])
def test_the_launch_files_ask_for_topics_with_a_command_line_that_exists(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    function = next(n for n in ast.walk(tree(name)) if isinstance(n, ast.FunctionDef) and n.name.endswith("_command"))
    body = ast.Module(body=[n for n in function.body if isinstance(n, ast.Assign)], type_ignores=[])
    found: dict[str, Any] = {"PACKAGE": "neon_control"}
    exec(compile(ast.fix_missing_locations(body), name, "exec"), found)

    assert found["words"][:4] == ["ros2", "run", "neon_control", "neon_control"]
    given = {"--params-file": str(ROOT / "config" / "robot.yaml"), "--robot": "g1.yaml", "--namespace": "/r1"}
    options = [word for option in found["options"].values() for word in (option, given[option])]
    assert cli.main([*found["words"][4:], *options]) == 0
    lines = capsys.readouterr().out.split()
    if name == "robot.launch.py":
        assert {"/r1/joint_states", "/r1/action_chunk/joints", "/r1/leg_controller/joint_trajectory", "/diagnostics"} <= set(lines)
    else:
        assert "/r1/cmd_vel:=/recorded/r1/cmd_vel" in lines


def launch_module(name: str) -> Any:
    """The launch file as a module, beside the real `launch`."""
    reason = "launch and launch_ros come with a ROS 2 distribution, not from PyPI"
    pytest.importorskip("launch.actions", reason=reason)  # plain `launch` could be this repository's folder
    pytest.importorskip("launch_ros.actions", reason=reason)
    spec = spec_from_file_location(name.replace(".", "_"), ROOT / "launch" / name)
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def launch_context(**configurations: str) -> Any:
    from launch import LaunchContext

    context = LaunchContext()
    context.launch_configurations.update(dict.fromkeys(ARGUMENTS, "") | configurations)
    return context


@pytest.mark.parametrize("name", [f.name for f in FILES])
def test_the_real_launch_loads_the_file_and_finds_its_arguments(name: str) -> None:
    description = launch_module(name).generate_launch_description()

    assert {argument.name for argument in description.get_launch_arguments()} == ARGUMENTS | OWN_ARGUMENTS.get(name, set())


def test_the_real_launch_hands_over_only_the_overrides_that_were_given() -> None:
    module = launch_module("robot.launch.py")
    file = str(ROOT / "config" / "robot.yaml")
    context = launch_context(params_file=file, policy="other", use_sim_time="true")

    assert module.parameters(context, "inference_node") == [file, {"use_sim_time": True, "policy": "other"}]
    assert module.parameters(context, "executor_node") == [file, {"use_sim_time": True}]
    assert [node.node_executable for node in module.nodes(context)] == ["inference_node", "executor_node"]


@pytest.mark.parametrize("num_steps", [8, 50])
def test_the_real_launch_tells_the_executor_how_long_the_chunks_of_a_given_policy_are(num_steps: int, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(f"name: p\nnum_steps: {num_steps}\naction_layer: {{}}\n")
    module, file = launch_module("robot.launch.py"), str(ROOT / "config" / "robot.yaml")
    context = launch_context(params_file=file, policy=str(tmp_path))
    assert module.parameters(context, "executor_node") == [file, {"use_sim_time": False, "chunk_steps": num_steps}]
    shipped = launch_context(params_file=file, policy="g1_reach")
    assert module.parameters(shipped, "executor_node")[1]["chunk_steps"] == 16


def test_the_real_launch_shows_the_plan_only_when_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    module = launch_module("robot.launch.py")
    monkeypatch.setattr(module, "urdf", lambda context: (ROOT / "resource" / "g1" / "g1.urdf").read_text())
    file = str(ROOT / "config" / "robot.yaml")

    def started(**arguments: str) -> list[str]:
        return [entity.node_executable for entity in module.viewers(launch_context(params_file=file, **arguments))]

    rsp = "robot_state_publisher"
    assert started(rviz="false", monitor="false", state_publisher="true") == []
    assert started(monitor="true", state_publisher="false") == ["monitor_node", rsp, "static_transform_publisher"]
    assert started(rviz="true", state_publisher="true") == ["monitor_node", rsp, "static_transform_publisher", rsp, "rviz2"]


def test_the_real_launch_starts_the_simulated_robot_with_the_same_robot_and_clock() -> None:
    module = launch_module("sim.launch.py")
    file = str(ROOT / "config" / "robot.yaml")

    plain = module.parameters(launch_context(params_file=file, use_sim_time="false"))
    assert plain == [file, {"publish_clock": False}]
    other = module.parameters(launch_context(params_file=file, use_sim_time="true", robot_config="arm.yaml"))
    assert other == [file, {"publish_clock": True, "robot_config": "arm.yaml"}]
    assert [node.node_executable for node in module.nodes(launch_context())] == ["sim_node"]


def test_the_real_launch_refuses_a_parameter_file_that_does_not_exist() -> None:
    module = launch_module("robot.launch.py")

    with pytest.raises(FileNotFoundError, match=r"no/such/file\.yaml"):
        module.nodes(launch_context(params_file="no/such/file.yaml"))


def test_the_real_launch_records_only_when_asked_and_quotes_what_it_asks() -> None:
    module = launch_module("robot.launch.py")

    assert module.recorder(launch_context(record="false")) == []
    command = module.topics_command(launch_context(params_file="/a b/robot.yaml", robot_config="arm.yaml"))
    assert command == "ros2 run neon_control neon_control topics --params-file '/a b/robot.yaml' --robot arm.yaml"


def test_the_real_launch_records_what_was_listed_on_the_clock_of_the_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    module = launch_module("robot.launch.py")
    monkeypatch.setattr(module, "topics_command", lambda context: "echo /a /b")

    def command(**arguments: str) -> list[str]:
        context = launch_context(record="true", **arguments)
        (process,) = module.recorder(context)
        return ["".join(part.perform(context) for part in word) for word in process.cmd]

    assert command() == ["ros2", "bag", "record", "--storage", "mcap", "--topics", "/a", "/b"]
    assert command(use_sim_time="true") == ["ros2", "bag", "record", "--storage", "mcap", "--use-sim-time", "--topics", "/a", "/b"]


def test_the_real_launch_plays_a_bag_and_refuses_one_that_does_not_exist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = launch_module("replay.launch.py")
    monkeypatch.setattr(module, "remappings_command", lambda context: "echo /cmd_vel:=/recorded/cmd_vel")

    def command(bag: Path, delay: str) -> list[str]:
        context = launch_context(bag=str(bag), rate="0.5", start_offset="3", delay=delay)
        (process,) = module.player(context)
        return ["".join(part.perform(context) for part in word) for word in process.cmd]

    play = ["ros2", "bag", "play", str(tmp_path), "--clock", "200", "--rate", "0.5", "--start-offset", "3"]
    remap = ["--remap", "/cmd_vel:=/recorded/cmd_vel"]
    assert command(tmp_path, "15") == [*play, "--delay", "15", *remap]
    assert command(tmp_path, "0") == [*play, *remap], "ros2 bag play refuses a delay of 0"
    with pytest.raises(FileNotFoundError, match="no such recording"):
        command(tmp_path / "none", "15")
