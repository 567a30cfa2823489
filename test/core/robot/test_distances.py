"""Distances of bars and boxes against a search over points, against MuJoCo on the G1, and the bound that lets them be used again."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from clearance_rig import Measure

from neon_control.core.control.clearance import _candidates
from neon_control.core.robot.bodies import fit_bodies
from neon_control.core.robot.distances import Distances, to_box
from neon_control.core.robot.placing import Placing
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.shapes import read_shapes
from neon_control.core.robot.urdf import read_urdf

G1 = load_robot("g1.yaml")
NAMES = G1.parts["arms"]
LOWER, UPPER = G1.limits(NAMES, "lower"), G1.limits(NAMES, "upper")


def distances_of_g1() -> tuple[Distances, list[tuple[str, str]]]:
    placing = Placing(read_urdf(G1.urdf_path), NAMES)
    bodies = fit_bodies(read_shapes(G1.urdf_path, visual=False)[0])
    pairs = _candidates(placing, bodies, [body.link for body in bodies], allowed=())
    return Distances(placing, bodies, pairs, len(NAMES)), [(bodies[a].link, bodies[b].link) for a, b in pairs]


def test_a_segment_is_as_far_from_a_box_as_its_nearest_point() -> None:
    rng = np.random.default_rng(0)
    start, end, half = rng.uniform(-1.0, 1.0, (500, 3)), rng.uniform(-1.0, 1.0, (500, 3)), rng.uniform(0.05, 0.4, (500, 3))
    end[:50, 0] = start[:50, 0]  # parallel to a plane
    end[50:60] = start[50:60]  # a point
    points = start[:, None] + np.linspace(0.0, 1.0, 4001)[:, None] * (end - start)[:, None]
    searched = np.linalg.norm(np.maximum(np.abs(points) - half[:, None], 0.0), axis=-1).min(axis=1)
    found = to_box(start, end, half)

    assert np.maximum(found, 0.0) == pytest.approx(searched, abs=1e-3)
    assert (found[searched > 1e-3] <= searched[searched > 1e-3] + 1e-12).all()


def test_inside_a_box_a_segment_is_as_deep_as_it_lies() -> None:
    found = to_box(np.array([[0.0, 0.0, 0.0], [-2.0, 0.9, 0.0]]), np.array([[0.0, 0.1, 0.0], [2.0, 0.9, 0.0]]), np.ones((2, 3)))

    assert found == pytest.approx([-0.95, -0.1])


def test_no_distance_is_longer_than_mujocos_nor_much_shorter() -> None:
    distances, names = distances_of_g1()
    solid = sorted(set(names))
    measure = Measure(G1, NAMES, {}, visual=False)
    rng = np.random.default_rng(3)
    short = []
    for position in rng.uniform(LOWER, UPPER, (200, len(NAMES))):
        true = measure.distances(position, solid)
        ours: dict[tuple[str, str], float] = {}
        for pair, distance in zip(names, distances.measure(position[None], 0.5)[0], strict=True):
            ours[pair] = min(distance, ours.get(pair, np.inf))
        for pair in solid:
            if 0.0 < true[pair] < 0.3:
                assert ours[pair] <= true[pair] + 1e-6, pair
                short.append(true[pair] - ours[pair])
    print(f"\nMuJoCo {mujoco.__version__}: {len(short)} distances, ours shorter by {np.mean(short):.4f} m, at most {max(short):.4f} m")

    assert max(short) < 0.05


def test_moving_the_joints_brings_no_pair_nearer_than_the_levers_allow() -> None:
    distances, _ = distances_of_g1()
    rng = np.random.default_rng(4)
    first = rng.uniform(LOWER, UPPER, (300, len(NAMES)))
    second = first + rng.normal(size=first.shape) * 0.05
    before, after = distances.measure(first, 5.0), distances.measure(second, 5.0)
    apart = after > 0.0  # how deep bodies lie in each other is a hint only

    assert (after >= before - np.abs(second - first) @ distances.levers.T - 1e-9)[apart].all()


def test_a_far_pair_is_told_no_farther_than_it_is() -> None:
    distances, _ = distances_of_g1()
    positions = np.random.default_rng(5).uniform(LOWER, UPPER, (50, len(NAMES)))
    exact, rough = distances.measure(positions, 5.0), distances.measure(positions, 0.05)

    assert (rough <= exact + 1e-9).all()
    assert rough[exact < 0.05] == pytest.approx(exact[exact < 0.05])
