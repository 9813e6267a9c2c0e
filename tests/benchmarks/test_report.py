import json
import platform
from pathlib import Path

import pytest
from benchmarks.claims import Candidate, Claim
from benchmarks.harness import Row, Settings, Timing
from benchmarks.machine import describe, sentence

from benchmarks import depth, import_time, report

CLAIM = Claim("toy", "A toy", (Candidate("ours", ""), Candidate("peer", ""), Candidate("other", "")), {"one": {}})
ROWS = [
    Row(
        "one",
        {"ours": Timing((2e-6, 2e-6, 4e-6), 100, 2**20), "peer": Timing((3e-6, 5e-6, 7e-6), 50, 3 * 2**20)},
        {"other": "not installed\nand more"},
    )
]


@pytest.mark.parametrize(
    ("value", "text"),
    [(2.0, "2 s"), (0.0999, "99.9 ms"), (1.234e-3, "1.23 ms"), (999.7e-6, "1000 µs"), (5e-6, "5 µs"), (8e-9, "8 ns")],
)
def test_durations_have_three_digits_and_a_unit(value: float, text: str) -> None:
    assert report.seconds(value) == text


def test_table_of_ratios_gives_our_median_and_the_peers_over_ours() -> None:
    assert report.ratios(CLAIM, ROWS).splitlines() == [
        "|  | ours | peer / ours | other / ours |",
        "| --- | ---: | ---: | ---: |",
        "| one | 2 µs | 2.50 | - |",
    ]


def test_table_without_our_time_has_no_ratios() -> None:
    row = Row("one", {"peer": ROWS[0].timings["peer"]}, {"ours": "not built"})
    assert report.ratios(CLAIM, [row]).splitlines()[2] == "| one | - | - | - |"


def test_details_show_quartiles_blocks_and_memory() -> None:
    assert report.details(ROWS).splitlines()[3] == "| one | peer | 5 µs | 3 µs | 4 µs - 6 µs | 3 x 50 | 3 MiB |"


def test_missing_candidates_are_listed_with_the_first_line_of_the_reason() -> None:
    assert report.missing(ROWS) == ["- other: not available in one: not installed"]


def test_result_files_hold_the_same_numbers(tmp_path: Path) -> None:
    report.write(CLAIM, ROWS, Settings(clock="cpu"), "a word more", tmp_path)
    text = (tmp_path / "toy.md").read_text()
    assert "| one | 2 µs | 2.50 | - |" in text
    assert "Median processor time" in text
    assert "a word more" in text
    data = json.loads((tmp_path / "toy.json").read_text())
    peer = data["rows"][0]["candidates"]["peer"]
    assert (peer["median"], peer["minimum"]) == (5e-6, 3e-6)
    assert (peer["ratio"], peer["ratio_of_minima"]) == pytest.approx((2.5, 1.5))
    assert (data["ours"], data["clock"]) == ("ours", "cpu")


def test_machine_is_described_without_its_name_or_paths() -> None:
    text = sentence(describe())
    assert "numpy" in text
    assert "Python" in text
    assert "/" not in text.replace("n/a", "")
    assert not platform.node() or platform.node() not in text


def test_depth_table_divides_by_the_linear_layers_and_gives_the_growth() -> None:
    rows = [
        Row(depth.row_name(n), {"backproof": Timing((t,), 1, 0)}, {"PyTorch backward()": "absent"})
        for n, t in ((4, 5e-3), (256, 514e-3))
    ]
    text = depth.extra(rows)
    assert "| 4 | 1 ms | - |" in text
    assert "| 256 | 2 ms | - |" in text
    assert "takes 2.00 times as long a layer" in text


def test_import_factors_are_given_with_and_without_the_interpreter() -> None:
    seconds = {import_time.OURS: 0.5, import_time.NUMPY: 0.4, import_time.BARE: 0.2, import_time.USED: 0.6}
    row = Row("a fresh interpreter", {name: Timing((t,), 1, 0) for name, t in seconds.items()}, {})
    text = import_time.extra([row])
    assert "`import backproof` takes 1.25 times as long as `import numpy` (1.50 times without" in text
    assert "with its main names loaded 1.50 times (2.00 times without" in text
