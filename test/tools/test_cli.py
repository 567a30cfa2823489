"""The command line: tools are found, imported only when asked for, and end with a clear line and the right exit code."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import neon_control
from neon_control.tools import cli

ROOT = Path(__file__).resolve().parents[2]
TOOL = '''
import threading

from neon_control.core.common.errors import ConfigError


def add_arguments(parser):
    parser.add_argument("action")
    parser.add_argument("--headless", action="store_true")


EPILOG = """examples:
  neon_control probe work     is shown as it is written"""


def run(args):
    if args.action == "fail":
        raise ConfigError("robot.yaml: missing field 'urdf'")
    if args.action == "open":
        open("/")
    if args.action == "import":
        import package_that_nobody_has
    if args.action == "wait":
        print("waiting", flush=True)
        threading.Event().wait(30.0)
    return 7
'''

PROGRAM = """
import sys
import neon_control.tools
from neon_control.tools import cli

neon_control.tools.__path__.append(FOLDER)
cli.COMMANDS = {"probe": ("a tool for this test", "ros,train"), "module_that_must_not_be_imported": ("another", "")}
sys.exit(cli.main())
"""


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """The command line with one small tool of its own."""
    (tmp_path / "probe.py").write_text(TOOL)
    return [sys.executable, "-c", f"FOLDER = {str(tmp_path)!r}\n{PROGRAM}"]


def run(command: list[str], *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*command, *args], capture_output=True, text=True, check=False, timeout=30)


def test_every_command_names_a_module_that_offers_what_a_tool_must_offer() -> None:
    for name, (text, _) in cli.COMMANDS.items():
        module = f"neon_control.tools.{name}"
        spec = importlib.util.find_spec(module)
        assert spec is not None and spec.origin is not None, f"{name}: no module {module}"
        source = Path(spec.origin).read_text()
        assert "\ndef add_arguments(" in source and "\ndef run(" in source, f"{module} needs add_arguments(parser) and run(args)"
        assert text and not text.endswith("."), f"{name}: one line of help, without a full stop"


def test_the_exit_code_is_the_tool_s_own(command: list[str]) -> None:
    assert run(command, "probe", "work").returncode == 7


def test_a_tool_s_epilog_ends_its_help_as_it_is_written(command: list[str]) -> None:
    assert run(command, "probe", "--help").stdout.endswith("examples:\n  neon_control probe work     is shown as it is written\n")


def test_without_a_command_it_lists_the_commands(command: list[str]) -> None:
    result = run(command)

    assert result.returncode == 2
    assert "a tool for this test" in result.stdout


def test_an_unknown_command_is_refused(command: list[str]) -> None:
    result = run(command, "prob")

    assert result.returncode == 2
    assert "invalid choice: 'prob'" in result.stderr


def test_the_version_is_the_package_s_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])

    assert end.value.code == 0
    assert capsys.readouterr().out == f"neon_control {neon_control.__version__}\n"


def test_an_error_of_this_package_is_one_line_without_traceback(command: list[str]) -> None:
    result = run(command, "probe", "fail")

    assert (result.returncode, result.stderr) == (2, "neon_control: robot.yaml: missing field 'urdf'\n")


def test_debug_shows_the_traceback(command: list[str]) -> None:
    result = run(command, "probe", "fail", "--debug")

    assert result.returncode == 1
    assert "Traceback" in result.stderr


def test_a_missing_package_is_named_together_with_the_remedy(command: list[str]) -> None:
    result = run(command, "probe", "import")

    assert result.returncode == 2
    assert "'package_that_nobody_has'" in result.stderr and "Traceback" not in result.stderr
    # beside a ROS distribution the wheels of the extra `ros` must not be installed
    assert "'.[ros,train]'" in result.stderr and "where ROS 2 is installed, source it, and pip install '.[train]'" in result.stderr


def test_every_extra_that_is_named_exists() -> None:
    extras = {extra for _, named in cli.COMMANDS.values() for extra in named.split(",") if extra}
    assert extras and all(f'"{extra}": ' in (ROOT / "setup.py").read_text() for extra in extras)


def test_a_file_that_cannot_be_used_is_named_without_a_traceback(command: list[str]) -> None:
    result = run(command, "probe", "open")

    assert (result.returncode, result.stderr) == (2, "neon_control: /: Is a directory\n")


def test_a_misspelt_option_is_refused_by_its_own_tool_with_the_one_that_was_meant(command: list[str]) -> None:
    result = run(command, "probe", "work", "--hedless")

    assert result.returncode == 2
    assert result.stderr.startswith("usage: neon_control probe")
    assert "unrecognized arguments: --hedless; did you mean --headless?" in result.stderr


def test_ctrl_c_ends_quietly_with_130(command: list[str]) -> None:
    process = subprocess.Popen([*command, "probe", "wait"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"

    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)

    assert (process.returncode, errors) == (130, "")
