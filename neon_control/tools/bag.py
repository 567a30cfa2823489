"""The recording of a command line, a bag or an episode of a LeRobot dataset; what is wrong with it is said, and the rest is used."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.robot import Robot
from neon_control.recordings.bag.bag_file import Bag, OnProblem
from neon_control.recordings.lerobot.on_disk import INFO, on_disk
from neon_control.tools.arguments import not_negative, positive, whole


def add_bag_arguments(parser: argparse.ArgumentParser) -> None:
    """The options from which `open_bag` opens it, and where the nodes' parameters come from."""
    parser.add_argument(
        "bag", type=Path, metavar="PATH", help="a bag: its folder, or a single file of it; or a LeRobot dataset: folder or OWNER/NAME"
    )
    parser.add_argument("--episode", type=whole(0), metavar="N", help="of a LeRobot dataset (default: its first one)")
    parser.add_argument(
        "--start", type=not_negative, default=0.0, metavar="S", help="begin this long after the recording's begin (default: 0)"
    )
    text = "end after this long in bag time (default: at the bag's end)"
    parser.add_argument("--duration", type=positive, default=math.inf, metavar="S", help=text)
    text = "take the nodes' parameters from the bag instead of the parameter file"
    parser.add_argument("--recorded-parameters", action="store_true", help=text)


@contextmanager
def open_bag(args: argparse.Namespace, robot: Robot) -> Iterator[tuple[Bag, Robot]]:
    """As much of the recording as was asked for, and the robot with its topics; problems are printed without breaking a progress bar."""

    def print_problem(where: str, text: str, seconds: float | None) -> None:
        place = " ".join(part for part in (str(args.bag), where) if part)
        tqdm.write(f"{place}: {'' if seconds is None else f'at {seconds:.3f} s: '}{text}", file=sys.stderr)

    path = on_disk(args.bag)
    bag: Bag
    if (path / INFO).is_file():
        bag, robot = _episode(path, args, robot, print_problem)
    elif args.episode is not None:
        raise ConfigError(f"--episode: {args.bag} is no LeRobot dataset, there is no {INFO} in it")
    else:
        bag = Bag(args.bag, print_problem)
    with bag:
        bag.cut(args.start, args.duration)
        yield bag, robot


def label(bag: Bag) -> str:
    """For the name of a folder: the bag's folder, or dataset and episode."""
    return bag.path.resolve().name if bag.name == bag.path.name else bag.name.replace("/", "-")


def _episode(path: Path, args: argparse.Namespace, robot: Robot, on_problem: OnProblem) -> tuple[Bag, Robot]:
    try:
        from neon_control.recordings.lerobot.episode_bag import EpisodeBag
        from neon_control.recordings.lerobot.episodes import lerobot_episode
    except ImportError as error:
        raise ConfigError(f"{args.bag} is a LeRobot dataset, which needs the extras `cpu` and `parquet`: {error}") from error
    episode, count = lerobot_episode(path, robot.recording, args.episode)
    if args.episode is None and count > 1:
        print(f"{episode.name}, the first of {count} episodes; --episode N chooses another", file=sys.stderr)
    bag = EpisodeBag(episode, robot, args.namespace, on_problem)
    return bag, bag.robot
