"""Files from anywhere: opened only where reading them ends, hashed, and written so that no reader ever sees half of one."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from neon_control.core.common.errors import PolicyError

LFS_POINTER = b"version https://git-lfs"


def open_regular(path: Path) -> BinaryIO:
    """A file for reading; an OSError also for a pipe or a device in its place, which would be waited for, or read, without end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return os.fdopen(descriptor, "rb")


def read_whole(path: Path, limit: int) -> bytes:
    """The content of a file of at most `limit` [bytes]; an OSError for a larger one, and as of `open_regular`."""
    with open_regular(path) as stream:
        content = stream.read(limit + 1)  # not as many as the file says that it has: it may grow
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"it has more than the {limit} bytes that are read", str(path))
    return content


def lfs_hint(path: Path) -> str:
    """What to do where a repository was cloned without its large files; empty where `path` is a file of its own."""
    try:
        with open_regular(path) as stream:
            pointer = stream.read(len(LFS_POINTER)) == LFS_POINTER
    except OSError:
        return ""
    return "it is a Git LFS pointer; `git lfs pull` brings the file itself" if pointer else ""


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal; a PolicyError where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with open_regular(path) as stream:
            while block := stream.read(1 << 20):  # Python 3.10 has no hashlib.file_digest
                digest.update(block)
    except OSError as error:
        raise PolicyError(f"cannot read {path}: {error.strerror}") from error
    return digest.hexdigest()


def verify_sha256(path: Path, expected: str, advice: str) -> None:
    """Refuse a file whose SHA-256 is not the expected one.

    Raises:
        PolicyError: the hashes differ; the message has both, and ends with `advice`, what the user can do about it.
    """
    found = sha256(path)
    if found != expected:
        raise PolicyError(f"{path} is corrupt or was changed: its SHA-256 is {found}, expected {expected}; {advice}")


def create_folder_atomically(target: Path, fill: Callable[[Path], object], replace: bool = False) -> None:
    """Let `fill` write into a scratch folder beside `target`, then rename it into place.

    A rename is atomic, so several processes may build the same folder at once: the first one wins, the others' work is thrown away. With
    `replace`, the new folder takes the place of an existing one.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        fill(scratch)
        # mkdtemp makes private folders, and safetensors private files; but a robot may run a policy as another user than who trained it.
        for path in (scratch, *scratch.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        if replace and target.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
            os.replace(target, old)
            os.replace(scratch, target)
            shutil.rmtree(old, ignore_errors=True)
            return
        try:
            os.replace(scratch, target)
        except OSError:
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
