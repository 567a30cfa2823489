"""How many steps are given in training: by weights, and as measured, from tables and bags."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bag_writer import BagWriter, trajectory

from neon_control.core.common.errors import ConfigError
from neon_control.training.config import TrainConfig
from neon_control.training.delays import drawn_prefixes, measured_delays, prefix_weights


def config(**options: object) -> TrainConfig:
    return TrainConfig(name="tiny", data="none", **options)


def test_by_default_half_of_the_samples_are_given_nothing_and_the_others_each_length_as_often() -> None:
    assert drawn_prefixes(config()) is None
    assert drawn_prefixes(config(max_prefix=4)) == pytest.approx([0.5, 0.125, 0.125, 0.125, 0.125])
    assert drawn_prefixes(config(max_prefix=2, prefix_weights=(1, 0, 3))) == pytest.approx([0.25, 0.0, 0.75])


def test_measured_delays_take_half_of_what_is_given() -> None:
    found = prefix_weights(4, (), np.array([0.03, 0.04, 0.05, 0.07]), 0.02)  # 2, 2, 3 and 4 steps
    assert found == pytest.approx([0.5, 0.0625, 0.0625 + 0.125, 0.0625 + 0.0625, 0.0625 + 0.0625])


def test_delays_beyond_the_longest_prefix_are_left_out_and_refused_if_they_are_most() -> None:
    assert prefix_weights(2, (), np.array([0.04, 0.04, 1.0]), 0.02).sum() == pytest.approx(1.0)
    with pytest.raises(ConfigError, match="the median is 780 ms, 39 steps of 20 ms"):
        prefix_weights(8, (), np.array([0.78, 0.78, 0.04]), 0.02)


def test_delays_come_from_the_tables_of_evaluate_without_the_first_one(tmp_path: Path) -> None:
    (tmp_path / "recording_chunk_delays.csv").write_text("received_ns,delay_s\n1,0.9\n2,0.05\n3,0.07\n4,\n")
    assert measured_delays(tmp_path / "recording_chunk_delays.csv").tolist() == [0.05, 0.07]
    told = [
        f"inference_node: inference,{t},observation_to_chunk_ms/{p},{v}" for t, p, v in ((1, "p50", 900), (1, "p99", 900), (2, "p50", 60))
    ]
    more = ["inference_node: inference,2,observation_to_chunk_ms/p99,80", "inference_node: inference,2,refusals,3"]
    (tmp_path / "recording_diagnostics.csv").write_text("\n".join(["node,time_ns,key,value", *told, *more]))
    assert measured_delays(tmp_path / "recording_diagnostics.csv") == pytest.approx([0.06, 0.08])


def test_delays_come_from_the_chunks_of_a_bag_by_their_stamps(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag") as bag:
        for seen, received in ((0.0, 0.9), (1.0, 1.05), (1.1, 1.17), (1.2, 1.24)):
            bag.write("g1/action_chunk/joints", received, trajectory(seen, ("waist",), (0.0, [0.0]), (0.02, [0.1])))
        bag.write("g1/action_chunk/joints", 1.3, trajectory(None, ("waist",), (0.0, [0.0])))
    assert measured_delays(tmp_path / "bag") == pytest.approx([0.05, 0.07, 0.04])


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "delay_s\nlong\nlonger\n", "\x00\xff"])
def test_a_table_without_delays_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "delays.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"delays\.csv"):
        measured_delays(tmp_path / "delays.csv")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"max_prefix": 16}, "fewer than num_steps = 16, got 16"),
        ({"prefix_weights": (1.0, 1.0)}, "max_prefix is 0"),
        ({"delay_from": "bag"}, "max_prefix is 0"),
        ({"max_prefix": 2, "prefix_weights": (1.0, 1.0)}, "needs 3 weights"),
        ({"max_prefix": 1, "prefix_weights": (0.0, 0.0)}, "not all of them 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        config(**options)


def test_a_run_without_prefixes_is_told_as_before() -> None:
    assert not {"max_prefix", "prefix_weights", "delay_from"} & set(config().to_dict())
    assert config(max_prefix=2, prefix_weights=(1, 1, 1)).to_dict()["prefix_weights"] == [1.0, 1.0, 1.0]
