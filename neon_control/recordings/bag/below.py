"""The bags in and below folders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from neon_control.recordings.bag.bag_file import METADATA, STORAGES, recordings_in


def bags_below(roots: Iterable[Path]) -> list[Path]:
    """Folders, or single files, in order of their paths."""
    seen: set[str] = set()
    found = {bag_of(file) for root in roots for file in files_below(root, seen)}
    return sorted(bag for bag in found if bag is not None)


def bag_of(file: Path) -> Path | None:
    """The bag that is found by a file of it: by its metadata, or, where its recorder died before it wrote them, by what it recorded."""
    if file.name == METADATA:
        return file.parent
    if not file.name.endswith(STORAGES) or (file.parent / METADATA).exists():
        return None
    parts = recordings_in(file.parent)
    return file.parent if len(parts) == 1 and len(next(iter(parts.values()))) > 1 else file


def files_below(root: Path, seen: set[str]) -> Iterator[Path]:
    """All files, through links too; a folder that links lead to twice, or in a circle, counts once. A file is all that is below itself."""
    if root.is_file():
        yield root
    for folder, inner, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            inner.clear()
            continue
        seen.add(real)
        inner.sort()
        yield from (Path(folder, name) for name in files)
