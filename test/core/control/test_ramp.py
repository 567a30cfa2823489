"""The weight of the policy while it is taken up."""

from __future__ import annotations

import numpy as np
import pytest

from neon_control.core.control.ramp import Ramp

SECOND = 1_000_000_000
NOW = 1000 * SECOND
REST, TARGET = np.array([0.0, -1.0]), np.array([1.0, 1.0])


def ramp(seconds: float) -> Ramp:
    new = Ramp()
    new.begin(NOW, seconds)
    return new


def test_it_leads_from_rest_to_target_and_begins_and_ends_at_rest():
    blend = ramp(2.0)
    values = np.array([blend.between(REST, TARGET, NOW + k * SECOND // 100) for k in range(301)])
    assert values[0].tolist() == REST.tolist() and (values[200:] == TARGET).all()
    rates = np.diff(values, axis=0) * 100
    assert (rates >= 0.0).all() and np.abs(rates[[0, 199]]).max() < 0.05
    assert rates.max() == pytest.approx(1.5 * 2.0 / 2.0, rel=1e-3)


def test_before_its_begin_and_without_duration_it_is_at_one_end():
    assert ramp(2.0).between(REST, TARGET, NOW - SECOND).tolist() == REST.tolist()
    assert ramp(0.0).between(REST, TARGET, NOW).tolist() == TARGET.tolist()


def test_it_is_not_over_while_it_waits_and_what_it_waited_is_a_part_of_it():
    blend = ramp(2.0)
    assert not blend.is_over(NOW + 2 * SECOND - 1) and blend.is_over(NOW + 2 * SECOND)
    blend.waits = True
    assert not blend.is_over(NOW + 9 * SECOND)
    begin = NOW + 3 * SECOND // 10
    blend.put_off(begin)
    blend.waits = False
    assert blend.between(REST, TARGET, begin).tolist() == REST.tolist()
    assert not blend.is_over(NOW + 2 * SECOND - 1) and blend.is_over(NOW + 2 * SECOND)


def test_after_a_long_wait_it_still_takes_half_of_its_duration():
    blend = ramp(2.0)
    for k in range(10):
        blend.put_off(NOW + k * SECOND)
    end = NOW + 10 * SECOND
    assert blend.between(REST, TARGET, end - SECOND).tolist() == REST.tolist()
    assert not blend.is_over(end - 1) and blend.is_over(end)


def test_a_clock_that_is_set_moves_it():
    blend = ramp(2.0)
    blend.shift(-900 * SECOND)
    assert blend.between(REST, TARGET, NOW - 900 * SECOND).tolist() == REST.tolist()
    assert not blend.is_over(NOW - 898 * SECOND - 1) and blend.is_over(NOW - 898 * SECOND)
