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
MODES = {True: "desired", False: "default"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executor-hz", nargs="+", type=int, default=EXECUTOR_HZ)
    parser.add_argument("--controller-hz", nargs="+", type=int, default=CONTROLLER_HZ)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rows = [(mode, e, c) for e in args.executor_hz for c in args.controller_hz for mode in MODES]
    found = {(mode, e, c): [Run(Cell(e, c, mode, lag, jitter), seed=args.seed).figures() for lag, jitter in MOTORS] for mode, e, c in rows}
    print("Worst velocity / acceleration as multiples of the limits; bold: beyond the target.\n")
    head = [f"{1e3 * lag:.0f} ms lag, {1e3 * jitter:.0f} ms jitter" for lag, jitter in MOTORS]
    print_table("set points: executor/controller Hz, mode", head, {label(r): [text(f.set_points) for f in found[r]] for r in rows})
    print_table("joints: executor/controller Hz, mode", head, {label(r): [text(f.joints) for f in found[r]] for r in rows})
    floors = {
        c: [Floor(Cell(100, c, lag=lag, jitter=jitter), seed=args.seed).figures() for lag, jitter in MOTORS] for c in args.controller_hz
    }
    print_table(
        "joints, if all set points lay on one motion: controller Hz", head, {str(c): [text(f.joints) for f in floors[c]] for c in floors}
    )
    late = {label(r): [text(activated_late(Cell(r[1], r[2], r[0]), args.seed).joints)] for r in rows}
    print_table("activated 1 s into the ramp, perfect motors: executor/controller Hz, mode", ["joints"], late)
    every = [f for row in found.values() for f in row]
    print(f"Braking after the executor's death at most {max(f.braking for f in every):.3f} x the limit (set points), ", end="")
    print(
        f"fastest joint 1.5 s later {max(f.rest for f in every):.1e} rad/s; the plan was followed in {min(f.following for f in every):.0%}"
    )
    print(f"of the ticks or more; beyond the target: {sum(beyond(f) for f in every)} of {len(every)} cells by their set points.")


def activated_late(cell: Cell, seed: int = 0) -> Figures:
    """The controller becomes active when the executor has been 1 s on its way to a target 1 rad away."""
    return Run(cell, far_away, start_ramp=2.0, activation=1.0, death=4.0, seed=seed).figures()


def beyond(figures: Figures) -> bool:
    """Whether the set points miss the target."""
    return figures.set_points[0] > TARGET_VELOCITY or figures.set_points[1] > TARGET_ACCELERATION


def label(row: tuple[bool, int, int]) -> str:
    """A row's name."""
    mode, executor_hz, controller_hz = row
    return f"{executor_hz}/{controller_hz} {MODES[mode]}"


def text(figures: tuple[float, float]) -> str:
    """Velocity / acceleration."""
    velocity, acceleration = figures
    mark = "**" if velocity > TARGET_VELOCITY or acceleration > TARGET_ACCELERATION else ""
    return f"{mark}{velocity:.2f} / {acceleration:.{1 if acceleration < 10 else 0}f}{mark}"


def print_table(corner: str, head: list[str], rows: dict[str, list[str]]) -> None:
    """A markdown table."""
    print(f"| {corner} | {' | '.join(head)} |\n|{'---|' * (len(head) + 1)}")
    for name, cells in rows.items():
        print(f"| {name} | {' | '.join(cells)} |")
    print(flush=True)


if __name__ == "__main__":
    main()
