"""How many steps of a chunk are given in training: from none to D, by weights, and as often as the live node's delays ask for them.

Delays are read from what a run of the robot left: a bag with chunks, in which each tells by its stamp how old its observation was when it
came; or one of the tables that `neon_control evaluate` makes of a bag, `recording_chunk_delays.csv` or `recording_diagnostics.csv`.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.control.committed import delay_steps
from neon_control.core.robot.topic_names import CHUNK_JOINTS
from neon_control.recordings.bag.bag_file import Bag
from neon_control.recordings.bag.messages import stamp_of
from neon_control.training.config import TrainConfig

UNCONDITIONED = 0.5  # of the samples are given no step, so that the first chunk of a motion is learned as well as without all this
MEASURED = 0.5  # of the other samples have a measured delay, where there are any; the rest is drawn from the weights, for what was not met
DIAGNOSED = ("observation_to_chunk_ms/p50", "observation_to_chunk_ms/p99")  # of the inference node, each second


def drawn_prefixes(config: TrainConfig) -> np.ndarray | None:
    """The `prefix_weights` of a run; None for a policy that takes no prefix. Raises as these, and as `measured_delays`."""
    if not config.max_prefix:
        return None
    delays = measured_delays(Path(config.delay_from)) if config.delay_from else None
    return prefix_weights(config.max_prefix, config.prefix_weights, delays, config.dt)


def prefix_weights(max_prefix: int, weights: tuple[float, ...], delays: np.ndarray | None, dt: float) -> np.ndarray:
    """(D + 1,) how often 0, 1 .. D steps are given; their sum is 1.

    Args:
        weights: of 0 .. D; empty: half of the samples are given none, and 1 .. D each as often.
        delays: (n,) [s] that were measured, if any.

    Raises:
        ConfigError: most of the measured delays are longer than D steps.
    """
    drawn = np.array(weights or [UNCONDITIONED, *[(1.0 - UNCONDITIONED) / max_prefix] * max_prefix])
    drawn = drawn / drawn.sum()
    if delays is None:
        return np.asarray(drawn)
    steps = np.array([delay_steps(delay, dt) for delay in delays])
    met = steps[steps <= max_prefix]
    if 2 * len(met) < len(steps):
        raise ConfigError(
            f"TrainConfig.max_prefix is {max_prefix}, but most of the {len(steps)} measured delays are longer than that: the median is "
            f"{1e3 * np.median(delays):.0f} ms, {int(np.median(steps))} steps of {1e3 * dt:g} ms; max_prefix has to cover the usual ones"
        )
    share = MEASURED * drawn[1:].sum()
    drawn[1:] *= 1.0 - MEASURED
    return np.asarray(drawn + share * np.bincount(met, minlength=max_prefix + 1) / len(met))


def measured_delays(path: Path) -> np.ndarray:
    """(n,) [s] from an observation to its chunk. The first chunk counts for nothing: a first inference is slow.

    Raises:
        ConfigError: there is no such file, or no delay in it.
        BagError: the bag cannot be read.
    """
    delays = _of_table(path) if path.suffix == ".csv" else _of_bag(path)
    found = np.array([delay for delay in delays if np.isfinite(delay) and delay >= 0.0])
    if not len(found):
        wanted = f"a column delay_s, or the rows {list(DIAGNOSED)}" if path.suffix == ".csv" else f"messages on {CHUNK_JOINTS}"
        raise ConfigError(f"{path} holds no delay of a chunk; needed are {wanted}, more than one")
    return found


def _of_table(path: Path) -> list[float]:
    try:
        with path.open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        if rows and "delay_s" in rows[0]:
            return [float(row["delay_s"] or "nan") for row in rows][1:]
        told = [float(row["value"] or "nan") for row in rows if row.get("key") in DIAGNOSED]
    except (OSError, UnicodeDecodeError, csv.Error, TypeError, ValueError) as error:
        raise ConfigError(f"{path} is no table of delays: {error}") from error
    return [1e-3 * value for value in told[len(DIAGNOSED) :]]


def _of_bag(path: Path) -> list[float]:
    with Bag(path) as bag:
        topics = [name for name in bag.topics if name.strip("/").endswith(CHUNK_JOINTS)]
        messages = ((message.time, stamp_of(bag.decode(message))) for message in bag.messages(topics))
        return [(time - stamp) * 1e-9 for time, stamp in messages if stamp][1:]
