"""The command `neon_control`: one subcommand per tool, each imported only when it is asked for.

A tool is a module of this folder with two functions, and perhaps a text:

    add_arguments(parser: argparse.ArgumentParser) -> None
    run(args: argparse.Namespace) -> int        # the exit code
    EPILOG: str                                 # the end of its help, kept as it is written

Exit codes: 0 done, 1 ran but did not reach its goal, 2 wrong use or wrong input, 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from neon_control import __version__
from neon_control.core.common.errors import NeonControlError
from neon_control.core.common.printable import printable

# name, also of the module -> (one line of help, the extras that bring what it imports; `ros` stands for a sourced distribution as well)
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("run the simulated robot, in a browser page or headless, and count successes", "ros,cpu,sim"),
    "monitor": ("show a running system in a browser page, with an e-stop button", "ros,monitor"),
    "collect": ("record demonstrations of the simulated robot", "sim"),
    "recordings": ("check rosbags and LeRobot datasets: what is in them, what is wrong with them", "train"),
    "features": ("compute the frozen encoders' features of recordings, once, on all cores or a Ray cluster", "train"),
    "heads": ("print the table of action heads: size, measured latency, what they can", "train"),
    "encoders": ("export the vision encoder into the user's cache, and verify both encoders", "train"),
    "backbone": ("describe a Hugging Face model for a policy, and time it on this computer", "huggingface"),
    "policy": ("show what a policy folder is, or verify that it runs on this robot and computer", "cpu"),
    "export": ("write a policy once more with smaller weights, and measure what that costs", "train"),
    "bench": ("measure every action head, and a policy's parts, in torch and in ONNX Runtime", "train"),
    "teleop": ("take over a robot that a policy moves, with a keyboard, a gamepad or a leader arm, and give it back", "ros"),
    "record": ("record what a robot's policy sees, says and does, as a bag", "ros,replay"),
    "trials": ("count how often recorded attempts succeeded, by policy, robot and day, and compare two policies", "replay"),
    "robot": ("draft a robot file from a URDF, or check one against the robot that is running: joints, topics, units, clocks", "ros"),
    "topics": ("print a robot's topics, for `ros2 bag record` and `ros2 bag play`", ""),
    "replay": ("play a bag through the real inference node and executor", "ros,replay"),
    "evaluate": ("judge a policy on a bag, offline and reproducibly, with a report", "replay"),
    "train": ("train the action layer from recordings and export it", "train"),
}

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def main(args: Sequence[str] | None = None) -> int:
    """Parse `args` (default: the command line), run the named tool, return its exit code."""
    given = list(sys.argv[1:] if args is None else args)
    command = next((a for a in given if not a.startswith("-")), None)
    try:
        parser = build_parser(command)
        parsed, unknown = parser.parse_known_args(given)
        if parsed.command is None:
            parser.print_help()
            return EXIT_USAGE
        if unknown:
            _refuse(unknown, parsed.parser)
        return int(_tool(parsed.command).run(parsed))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except (NeonControlError, ModuleNotFoundError, OSError) as error:
        if "--debug" in given or (isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("neon_control")):
            raise
        print(f"neon_control: {printable(_explain(error, command), lines=True)}", file=sys.stderr)
        return EXIT_USAGE


def _refuse(unknown: list[str], parser: argparse.ArgumentParser) -> None:
    """End with the usage of the tool, where argparse would show that of `neon_control`, and with the options that were perhaps meant."""
    names = [name for action in parser._actions for name in action.option_strings]
    close = {near: None for option in unknown for near in get_close_matches(option.split("=")[0], names, 1)}
    parser.error(f"unrecognized arguments: {' '.join(unknown)}" + (f"; did you mean {' '.join(close)}?" if close else ""))


def _explain(error: Exception, command: str | None) -> str:
    if isinstance(error, ModuleNotFoundError):
        text = f"this needs the Python package '{error.name}'"
        extras = COMMANDS[command][1] if command in COMMANDS else ""
        if not extras:
            return text
        text += f"; in a checkout of this package, pip install '.[{extras}]' brings it"
        ros, _, rest = extras.partition(",")
        if ros != "ros":
            return text
        return f"{text}; where ROS 2 is installed, source it" + (f", and pip install '.[{rest}]'" if rest else "")
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """The parser of the whole command line; only the tool named `command` is imported, to add its own arguments."""
    parser = argparse.ArgumentParser(
        prog="neon_control", description="Vision- and speech-driven control of a robot's arms and base, on ROS 2."
    )
    parser.add_argument("--version", action="version", version=f"neon_control {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, (text, _) in COMMANDS.items():
        sub = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        sub.set_defaults(parser=sub)
        sub.add_argument("--debug", action="store_true", help="show the traceback of an error")
        if name == command:
            tool = _tool(name)
            if hasattr(tool, "EPILOG"):
                sub.epilog, sub.formatter_class = tool.EPILOG, argparse.RawDescriptionHelpFormatter
            tool.add_arguments(sub)
    return parser


def _tool(name: str) -> Any:
    return importlib.import_module(f"neon_control.tools.{name}")


if __name__ == "__main__":
    sys.exit(main())
