"""Arrays of one recording on disk: a safetensors file that is complete or not there, and is mapped into memory instead of read.

A file appears by a rename, so whoever dies while writing leaves at most a scratch file; its name tells who wrote it, and the next run
removes it. safetensors' own readers copy a tensor, and its writer makes a second copy of everything; 3600 recordings should not fill the
memory before a sample is asked for, nor an hour of one while it is encoded.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import resource
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from neon_control.core.common.errors import ConfigError

Arrays = dict[str, np.ndarray]

NOTES = "notes"  # the one text of a file, which holds all of them
TYPES = {"I64": np.int64, "F32": np.float32, "I32": np.int32}  # in the file's order: each begins at a multiple of its numbers' size
KINDS = {np.dtype(kind): name for name, kind in TYPES.items()}
_SCRATCH = re.compile(r"\..+\.safetensors\.(?P<host>.+)\.(?P<process>\d+)\.tmp")


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray | Sequence[np.ndarray]], notes: Mapping[str, str] | None = None) -> None:
    """Write `arrays`, of `TYPES` only, each whole or as parts whose rows follow each other, and texts about them.

    The same content is the same bytes, those of safetensors' own writer.

    Raises:
        ConfigError: the file cannot be written.
    """
    scratch = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.tmp")
    try:
        parts = {name: [values] if isinstance(values, np.ndarray) else values for name, values in arrays.items()}
        kinds = {name: KINDS[some[0].dtype] for name, some in parts.items()}
        names = sorted(parts, key=lambda name: (list(TYPES).index(kinds[name]), name))
        ends = list(itertools.accumulate(sum(part.nbytes for part in parts[name]) for name in names))
        header: dict[str, object] = {"__metadata__": {NOTES: json.dumps(dict(notes or {}), sort_keys=True)}}
        for name, begin, end in zip(names, [0, *ends], ends, strict=False):
            shape = [sum(map(len, parts[name])), *parts[name][0].shape[1:]]
            header[name] = {"dtype": kinds[name], "shape": shape, "data_offsets": [begin, end]}
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        text += b" " * (-len(text) % 8)
        with scratch.open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for part in (part for name in names for part in parts[name]):
                file.write(np.ascontiguousarray(part).data)
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error


def map_arrays(path: Path) -> tuple[Arrays, dict[str, str]] | None:
    """The arrays of a file, read-only and mapped into memory, and the texts; None where it is missing or not whole.

    Raises:
        ConfigError: it is there, and cannot be opened.
    """
    try:
        content = np.memmap(path, np.uint8, "r")
        start = 8 + int.from_bytes(content[:8].tobytes(), "little")
        header = json.loads(content[8:start].tobytes())
        notes = json.loads(header.pop("__metadata__", {}).get(NOTES, "{}"))
        if start + max(entry["data_offsets"][1] for entry in header.values()) != len(content):
            return None
        arrays = {}
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            arrays[name] = content[start + begin : start + end].view(TYPES[entry["dtype"]]).reshape(entry["shape"])
        return arrays, notes
    except (FileNotFoundError, NotADirectoryError, ValueError, LookupError):  # ValueError: an empty file, no JSON
        return None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error


def let_files_stay_open(count: int) -> None:
    """Let this process hold `count` more mapped files, as far as its hard limit goes; a shell usually allows 1024 open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY:
        wanted = soft + count
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def remove_scratch(folder: Path) -> None:
    """Remove what processes of this computer that are no more have left in `folder`."""
    for path in folder.glob(".*.tmp"):
        match = _SCRATCH.fullmatch(path.name)
        if match and match["host"] == socket.gethostname() and not _alive(int(match["process"])):
            path.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    return True
