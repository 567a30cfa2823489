"""What is opened at all, hashes, and atomic folders."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from neon_control.core.common.errors import PolicyError
from neon_control.core.common.files import create_folder_atomically, open_regular, read_whole, sha256, verify_sha256


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir], ids=["pipe", "device", "folder"])
@pytest.mark.timeout(10)
def test_what_would_be_read_without_end_is_not_opened(tmp_path: Path, make: Callable[[Path], object]) -> None:
    """The wound: a pipe in the place of a file held the node up for ever, /dev/zero filled the memory."""
    make(tmp_path / "a")
    for read in (open_regular, lambda path: read_whole(path, 100)):
        with pytest.raises(OSError, match="no regular file"):
            read(tmp_path / "a")
    with pytest.raises(PolicyError, match="a: it is no regular file"):
        sha256(tmp_path / "a")


def test_a_file_is_read_up_to_the_limit_and_no_further(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 100)
    assert read_whole(tmp_path / "a", 100) == b"x" * 100
    with pytest.raises(OSError, match="more than the 99 bytes"):
        read_whole(tmp_path / "a", 99)


def test_the_hash_is_that_of_the_content(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"x" * 3_000_000)
    assert sha256(file) == hashlib.sha256(b"x" * 3_000_000).hexdigest()


def test_one_flipped_bit_is_refused_with_both_hashes(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"weights")
    before = sha256(file)
    verify_sha256(file, before, "")
    file.write_bytes(b"weightr")
    with pytest.raises(PolicyError) as error:
        verify_sha256(file, before, "download it again")
    assert before in str(error.value) and sha256(file) in str(error.value) and "download it again" in str(error.value)


def test_a_missing_file_is_a_policy_error(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="nothing"):
        sha256(tmp_path / "nothing")


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "cache" / "folder"

    def fail_half_way(folder: Path) -> None:
        (folder / "first").write_text("1")
        raise PolicyError("no")

    with pytest.raises(PolicyError):
        create_folder_atomically(target, fail_half_way)
    assert list(target.parent.iterdir()) == []
    create_folder_atomically(target, lambda folder: (folder / "first").write_text("1") and None)
    assert (target / "first").read_text() == "1"


def test_the_first_builder_wins_unless_replacing(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    for text, replace, expected in (("1", False, "1"), ("2", False, "1"), ("3", True, "3")):
        create_folder_atomically(target, lambda folder, text=text: (folder / "f").write_text(text) and None, replace)
        assert (target / "f").read_text() == expected
        assert list(tmp_path.iterdir()) == [target]


def test_everyone_may_read_the_folder_and_its_files_whatever_wrote_them(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "sub").mkdir(mode=0o700)
        (folder / "sub" / "weights").touch(mode=0o600)

    create_folder_atomically(tmp_path / "folder", fill)
    paths = [tmp_path / "folder", tmp_path / "folder" / "sub", tmp_path / "folder" / "sub" / "weights"]
    assert [path.stat().st_mode & 0o777 for path in paths] == [0o755, 0o755, 0o644]
