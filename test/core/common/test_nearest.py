from __future__ import annotations

from neon_control.core.common.nearest import did_you_mean


def test_the_nearest_name_is_asked_for() -> None:
    assert did_you_mean("tracking_eror_limit", ["rate_hz", "tracking_error_limit"]) == "; did you mean tracking_error_limit?"


def test_nothing_is_asked_where_no_name_is_near() -> None:
    assert did_you_mean("colour", ["rate_hz", "mode"]) == ""
