"""The rows of a run as tables: the same ones on the terminal and in docs/gpu.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
CODES = {"skipped": "left out: no time", "124": "cut at its limit", "137": "cut at its limit"}
Table = tuple[str, list[str], list[list[str]]]  # title, columns, lines


def tables(rows: Sequence[Row]) -> list[Table]:
    """One for each kind of row that there is, and one of what failed or was left out."""
    found = [_heads(rows), _backbones(rows), _path(rows), _learning(rows), _tests(rows), _failures(rows)]
    return [table for table in found if table[2]]


def card(rows: Sequence[Row]) -> str:
    """The card's name, or why there is none."""
    return next((str(row["card"]) for row in rows if "card" in row), "unknown: the inventory did not run")


def _of(rows: Sequence[Row], stage: str | None) -> list[Row]:
    return [row for row in rows if row.get("stage") == stage and "error" not in row]


def _pair(latency: Mapping[str, float]) -> str:
    return f"{latency['p50']:.3f} / {latency['p99']:.3f}"


def _heads(rows: Sequence[Row]) -> Table:
    good = _of(rows, None)
    batches = sorted({int(batch) for row in good for batch in row["latency_ms"]})
    columns = ["head", "way", "largest difference", "floors at batch 1 [ms]", *(f"batch {batch} [ms]" for batch in batches)]
    lines = []
    for row in good:
        floors = f"{row['floor_bytes_ms']:.4f}, {row['floor_operations_ms']:.4f}"
        latencies = [_pair(row["latency_ms"][str(batch)]) if str(batch) in row["latency_ms"] else "" for batch in batches]
        lines.append([row["head"], row["way"], f"{row['max_difference']:.1e}", floors, *latencies])
    return "Heads: p50 / p99", columns, lines


def _backbones(rows: Sequence[Row]) -> Table:
    columns = ["backbone", "way", "parameters", "frames, tokens", "floors [ms]", "network [ms]", "images to features [ms]"]
    lines = []
    for row in _of(rows, "backbones"):
        size, seen = f"{row['parameters'] / 1e9:.2f} G {row['dtype']}", f"{row['frames']} of {row['image']}, {row['tokens']}"
        floors = f"{row['floor_bytes_ms']:.2f}, {row['floor_operations_ms']:.2f}"
        lines.append([row["model"], row["way"], size, seen, floors, _pair(row["network_ms"]), _pair(row["encode_ms"])])
    return "Backbones, random weights: p50 / p99", columns, lines


def _path(rows: Sequence[Row]) -> Table:
    columns = ["policy's head", "provider", "image to chunk [ms]", "parts [ms]", "copies: number, bytes", "features through the CPU"]
    lines = []
    for row in _of(rows, "path"):
        parts = ", ".join(f"{name} {value:.3f}" for name, value in row["parts_ms"].items())
        copies = ", ".join(f"{way} {count}, {size}" for way, (count, size) in row.get("copies", {}).items())
        through = {True: "yes", False: "no"}.get(row.get("features_to_cpu"), "not counted")
        lines.append([row["head"], row["provider"], _pair(row), parts, copies or "not counted", through])
    return "EfficientNet-Lite0, image to chunk: p50 / p99", columns, lines


def _learning(rows: Sequence[Row]) -> Table:
    lines = [[row["head"], str(row["batch"]), _pair(row), f"{row['samples_per_s']:.0f}"] for row in _of(rows, "learning")]
    return "Training", ["head", "batch", "step [ms]", "samples/s"], lines


def _tests(rows: Sequence[Row]) -> Table:
    outcomes = [row["outcome"] for row in _of(rows, "tests")]
    return "Tests", ["outcome", "number"], [[outcome, str(outcomes.count(outcome))] for outcome in sorted(set(outcomes))]


def _failures(rows: Sequence[Row]) -> Table:
    lines = []
    for row in rows:
        what = " ".join(str(row[key]) for key in ("stage", "head", "model", "way", "what") if key in row)
        if "error" in row:
            lines.append([what, row["error"]])
        elif row.get("outcome") == "failed":
            lines.append([row["test"], row["text"].splitlines()[-1] if row["text"] else ""])
        elif row.get("code", "0") != "0":
            lines.append(
                [f"stage {row['name']}", {"skipped": "left out: no time", "124": "cut at its limit"}.get(row["code"], row["code"])]
            )
    return "Failed or left out", ["what", "why"], lines
