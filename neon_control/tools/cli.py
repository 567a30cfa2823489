"""The command `neon_control`: one subcommand per tool, each imported only when it is asked for.

A tool is a module with two functions:

    add_arguments(parser: argparse.ArgumentParser) -> None
    run(args: argparse.Namespace) -> int        # the exit code

Exit codes: 0 done, 1 ran but did not reach its goal, 2 wrong use or wrong input, 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from neon_control import __version__
from neon_control.core.errors import NeonControlError

# name -> (module, one line of help)
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("neon_control.tools.demo", "run the simulated robot, in a browser page or headless, and count successes"),
    "monitor": ("neon_control.tools.monitor.command", "show a running system in a browser page, with an e-stop button"),
    "collect": ("neon_control.tools.collect", "record demonstrations of the simulated robot"),
    "recordings": ("neon_control.tools.recordings", "check rosbags and LeRobot datasets: what is in them, what is wrong with them"),
    "features": ("neon_control.tools.features", "compute the frozen encoders' features of recordings, once, on all cores or a Ray cluster"),
    "heads": ("neon_control.tools.heads", "print the table of action heads: size, measured latency, what they can"),
    "encoders": ("neon_control.tools.encoders", "export the vision encoder into the user's cache, and verify both encoders"),
    "backbone": ("neon_control.tools.backbone", "describe a Hugging Face model for a policy, and time it on this computer"),
    "policy": ("neon_control.tools.policy", "show what a policy folder is, or verify that it runs on this robot and computer"),
    "export": ("neon_control.tools.export", "write a policy once more with smaller weights, and measure what that costs"),
    "bench": ("neon_control.tools.bench", "measure every action head, and a policy's parts, in torch and in ONNX Runtime"),
    "record": ("neon_control.tools.record", "record what a robot's policy sees, says and does, as a bag"),
    "topics": ("neon_control.tools.topics", "print a robot's topics, for `ros2 bag record` and `ros2 bag play`"),
    "replay": ("neon_control.tools.replay", "play a bag through the real inference node and executor"),
    "evaluate": ("neon_control.tools.evaluate", "judge a policy on a bag, offline and reproducibly, with a report"),
    "train": ("neon_control.tools.train", "train the action layer from recordings and export it"),
}

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def main(args: Sequence[str] | None = None) -> int:
    """Parse `args` (default: the command line), run the named tool, return its exit code."""
    given = list(sys.argv[1:] if args is None else args)
    try:
        parser = build_parser(next((a for a in given if not a.startswith("-")), None))
        parsed = parser.parse_args(given)
        if parsed.command is None:
            parser.print_help()
            return EXIT_USAGE
        return int(importlib.import_module(COMMANDS[parsed.command][0]).run(parsed))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except (NeonControlError, ModuleNotFoundError) as error:
        if "--debug" in given or (isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("neon_control")):
            raise
        print(f"neon_control: {_explain(error)}", file=sys.stderr)
        return EXIT_USAGE


def _explain(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        everything = "pip install 'neon_control[ros,sim,train,replay]' brings everything the tools use"
        return f"this needs the Python package '{error.name}'; {everything}"
    return str(error)


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """The parser of the whole command line; only the tool named `command` is imported, to add its own arguments."""
    parser = argparse.ArgumentParser(
        prog="neon_control", description="Vision- and speech-driven control of a robot's arms and base, on ROS 2."
    )
    parser.add_argument("--version", action="version", version=f"neon_control {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, (module, text) in COMMANDS.items():
        sub = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        sub.add_argument("--debug", action="store_true", help="show the traceback of an error")
        if name == command:
            importlib.import_module(module).add_arguments(sub)
    return parser


if __name__ == "__main__":
    sys.exit(main())
