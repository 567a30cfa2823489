"""What the joints do behind a trajectory controller, for rates, modes, motors and jitter: the whole sweep as markdown tables.

    python test/benchmarks/controller_sweep.py

`virtual_controller.py` says what is simulated and how the figures are made; test/core/control/test_behind_a_controller.py holds some of
these cells to the target. All is virtual time with a fixed seed: the figures do not depend on the machine.
"""

from __future__ import annotations

import argparse
import itertools

from virtual_controller import TARGET_ACCELERATION, TARGET_VELOCITY, Cell, Figures, Floor, Run, far_away

EXECUTOR_HZ, CONTROLLER_HZ = (100, 200, 500), (100, 200, 500, 1000)
MOTORS = tuple(itertools.product((0.0, 0.02, 0.05), (0.0, 0.002, 0.006)))  # lag [s], jitter [s]
NEAR = 0.8  # of the velocity limit: below, a cell says nothing of motion at the limits
MODES = {True: "desired", False: "default"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executor-hz", nargs="+", type=int, default=EXECUTOR_HZ)
    parser.add_argument("--controller-hz", nargs="+", type=int, default=CONTROLLER_HZ)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    seed = args.seed
    rows = [(mode, e, c) for e in args.executor_hz for c in args.controller_hz for mode in MODES]
    found = {(mode, e, c): [Run(Cell(e, c, mode, *motor), seed=seed).figures() for motor in MOTORS] for mode, e, c in rows}
    floors = {
        str(c): [text(Floor(Cell(100, c, False, *motor), seed=seed).figures().joints) for motor in MOTORS] for c in args.controller_hz
    }
    late = {label(r): [text(activated_late(Cell(r[1], r[2], r[0]), seed).joints)] for r in rows}

    print("Worst velocity / acceleration as multiples of the limits; bold: beyond the target; (...): no joint came near its limit.\n")
    head = [f"{1e3 * lag:.0f} ms lag, {1e3 * jitter:.0f} ms jitter" for lag, jitter in MOTORS]
    pair = "executor/controller Hz, mode"
    print_table(f"set points: {pair}", head, {label(r): [text(f.set_points) for f in found[r]] for r in rows})
    print_table(f"joints: {pair}", head, {label(r): [text(f.joints) for f in found[r]] for r in rows})
    print_table("joints, were all set points on one motion: controller Hz", head, floors)
    print_table(f"activated 1 s into the ramp, perfect motors: {pair}", ["joints"], late)
    every = [f for row in found.values() for f in row]
    print(f"After the executor's death: braking of the set points at most {max(f.braking for f in every):.3f} x the limit,")
    print(f"the fastest joint 1.5 s later {max(f.rest for f in every):.1e} rad/s.")
    print(f"The plan was followed in {min(f.following for f in every):.0%} of the ticks or more.")
    print(f"The controllers refused {sum(f.refused for f in every)} messages.")
    print(f"Beyond the target by their set points: {sum(beyond(f.set_points) for f in every)} of {len(every)} cells;")
    print(f"without a joint near its limit: {sum(f.joints[0] < NEAR for f in every)}.")


def activated_late(cell: Cell, seed: int = 0) -> Figures:
    """The controller becomes active when the executor has been 1 s on its way to a target 1 rad away."""
    return Run(cell, far_away, start_ramp=2.0, activation=1.0, death=4.0, seed=seed).figures()


def beyond(figures: tuple[float, float]) -> bool:
    """Whether velocity or acceleration miss the target."""
    return figures[0] > TARGET_VELOCITY or figures[1] > TARGET_ACCELERATION


def label(row: tuple[bool, int, int]) -> str:
    """A row's name."""
    mode, executor_hz, controller_hz = row
    return f"{executor_hz}/{controller_hz} {MODES[mode]}"


def text(figures: tuple[float, float]) -> str:
    """Velocity / acceleration."""
    velocity, acceleration = figures
    words = f"{velocity:.2f} / {acceleration:.{1 if acceleration < 10 else 0}f}"
    if velocity < NEAR:
        words = f"({words})"
    return f"**{words}**" if beyond(figures) else words


def print_table(corner: str, head: list[str], rows: dict[str, list[str]]) -> None:
    """A markdown table."""
    print(f"| {corner} | {' | '.join(head)} |\n|{'---|' * (len(head) + 1)}")
    for name, cells in rows.items():
        print(f"| {name} | {' | '.join(cells)} |")
    print(flush=True)


if __name__ == "__main__":
    main()
