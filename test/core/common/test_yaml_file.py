"""YAML files with slips of the pen, and such as are meant to do harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.yaml_file import MAX_BYTES, MAX_NODES, read_mapping

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
        (BOMB, f"more than {MAX_NODES} values"),
        ("a: &a [*a]", f"more than {MAX_NODES} values"),
        ("[" * 5000, "recursion"),
        ("#" * (MAX_BYTES + 1), "more than the 4194304 bytes that are read"),
        ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        (f"[{'1,' * (2 * MAX_NODES)}]", f"more than {MAX_NODES} values"),
        ("a: 1" + ":59" * 350_000, "a number of 1050001 digits, at most 80 are read"),
        ("a: " + "9" * 5000, "a number of 5000 digits"),
        ("a: 0x" + "f" * 50_000, "a number of 50002 digits"),
        ("a: 1" + ":59" * 300 + ".5", "a number of 903 digits"),
        (f"{2**64}: 1", "a whole number needs at most 64 bits"),
        ("a: 2001-99-99", "'2001-99-99' is no timestamp: month must be in 1..12"),
        ("a: !!int x", "'x' is no int"),
        ("a: !!bool x", "'x' is no bool"),
        ("a: !!timestamp x", "'x' is no timestamp"),
    ],
    ids=[
        *("twice", "twice inside", "bomb", "contains itself", "deep", "long", "python", "many", "sexagesimal", "digits", "hexadecimal"),
        *("sexagesimal float", "equal hashes", "date", "int", "bool", "timestamp"),
    ],
)
def test_what_nobody_means_is_refused_in_a_short_message(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refusal:
        read_mapping(write(tmp_path, text))
    assert "file.yaml: " in str(refusal.value) and len(str(refusal.value)) < 1000


def test_aliases_and_merged_keys_of_honest_files_work(tmp_path: Path) -> None:
    text = "arm: &arm {scale: 0.5, limit: 1.0}\nleg: {<<: *arm, limit: 2.0}\nhead: *arm\n"
    arm = {"scale": 0.5, "limit": 1.0}
    assert read_mapping(write(tmp_path, text)) == {"arm": arm, "leg": {"scale": 0.5, "limit": 2.0}, "head": arm}


def test_something_else_than_a_mapping_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a mapping at the top level, got list"):
        read_mapping(write(tmp_path, "[1, 2]"))
