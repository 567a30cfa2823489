"""Publishers by name."""

from __future__ import annotations

import rclpy
from std_msgs.msg import Int32
from waiting import wait_until

from neon_control.nodes.publisher_names import publishers, with_names


def test_a_publishers_number_becomes_the_name_of_its_node(ros) -> None:
    node, other = rclpy.create_node("reader"), rclpy.create_node("driver", namespace="r1")
    other.create_publisher(Int32, "/numbers", 1)
    found = wait_until(lambda: node.get_publishers_info_by_topic("/numbers"), 5.0, "the publisher")
    number = bytes(found[0].endpoint_gid).hex()
    assert with_names(f"a is 1.0 by {number}", node, "/numbers") == f"a is 1.0 by /r1/driver ({number[-8:]})"
    assert with_names("a is 1.0 by 0b0b", node, "/numbers") == "a is 1.0 by 0b0b"  # it has gone
    wait_until(lambda: publishers(node, "/numbers") == "/r1/driver", 5.0, "its name")
    node.destroy_node()
    other.destroy_node()
