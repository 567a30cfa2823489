"""YAML files with slips of the pen, and such as are meant to do harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.yaml_file import MAX_BYTES, read_mapping

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))


def write(folder: Path, text: str) -> Path:
    file = folder / "file.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("arm: {a: 1}\nleg: {}\narm: {a: 2}\n", "'arm' is given twice"),
        ("arm:\n  a: 1\n  a: 2\n", "'a' is given twice"),
        (BOMB, "more than 200000 values"),
        ("a: &a [*a]", "more than 200000 values"),
        ("[" * 5000, "recursion"),
        ("#" * (MAX_BYTES + 1), "bytes, at most"),
        ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
    ],
    ids=["twice", "twice inside", "bomb", "contains itself", "deep", "long", "python"],
)
def test_what_nobody_means_is_refused_in_a_short_message(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refusal:
        read_mapping(write(tmp_path, text))
    assert "file.yaml: not valid YAML" in str(refusal.value) and len(str(refusal.value)) < 1000


def test_aliases_and_merged_keys_of_honest_files_work(tmp_path: Path) -> None:
    text = "arm: &arm {scale: 0.5, limit: 1.0}\nleg: {<<: *arm, limit: 2.0}\nhead: *arm\n"
    arm = {"scale": 0.5, "limit": 1.0}
    assert read_mapping(write(tmp_path, text)) == {"arm": arm, "leg": {"scale": 0.5, "limit": 2.0}, "head": arm}


def test_something_else_than_a_mapping_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a mapping at the top level, got list"):
        read_mapping(write(tmp_path, "[1, 2]"))
