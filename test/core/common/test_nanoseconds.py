"""Stamps and durations."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st

from neon_control.core.common.nanoseconds import to_nanoseconds


@given(sec=st.integers(0, 2**31 - 1), nanosec=st.integers(0, 999_999_999))
def test_stamps_are_exact_nanoseconds(sec: int, nanosec: int) -> None:
    assert to_nanoseconds(Time(sec=sec, nanosec=nanosec)) == sec * 10**9 + nanosec
