from __future__ import annotations

import fcntl
from pathlib import Path

from neon_control.nodes.lost_ports import lost_ports

MAPS = """\
7f00-7f01 rw-s 00000000 00:19 11 /dev/shm/fastdds_port7411
7f01-7f02 rw-s 00000000 00:19 12 /dev/shm/fastdds_port7413 (deleted)
7f02-7f03 rw-s 00000000 00:19 13 /dev/shm/fastdds_port7415 (deleted)
7f03-7f04 rw-s 00000000 00:19 14 /dev/shm/fastdds_port7417 (deleted)
7f04-7f05 rw-s 00000000 00:19 15 /dev/shm/fastdds_0123456789abcdef (deleted)
"""


def test_a_port_is_lost_if_its_name_belongs_to_another_file_with_a_living_reader(tmp_path: Path) -> None:
    for name in ("fastdds_port7411", "fastdds_port7413", "fastdds_port7413_el", "fastdds_port7417", "fastdds_port7417_el"):
        (tmp_path / name).touch()
    with (tmp_path / "fastdds_port7413_el").open() as living:
        fcntl.flock(living, fcntl.LOCK_EX)
        assert lost_ports(MAPS, tmp_path) == {"fastdds_port7413"}
    assert lost_ports(MAPS, tmp_path) == set()


def test_a_process_that_has_none_has_lost_none() -> None:
    assert lost_ports(Path("/proc/self/maps").read_text()) == set()
