"""ROS for tests inside this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import rclpy


@pytest.fixture
def ros(ros_domain_id: int) -> Iterator[int]:
    """An initialised default context in a private domain."""
    rclpy.init(domain_id=ros_domain_id)
    yield ros_domain_id
    rclpy.try_shutdown()
