import os
from typing import Any

import numpy as np
import pytest
from benchmarks.claims import Candidate, Claim, DisagreementError, UnavailableError
from benchmarks.harness import Process, Row, Settings, Timing, difference, measure, require_agreement, run

QUICK = Settings(rounds=3, block=0.0005, core=None)


def claim(*functions: str, **options: Any) -> Claim:
    candidates = tuple(Candidate(name, f"tests.benchmarks.toys:{name}") for name in functions)
    return Claim("toy", "A toy", candidates, {"one": {"x": 1.0}, "two": {"x": 2.0}}, **options)


def timing(*blocks: float) -> Timing:
    return Timing(blocks, 10, 2**20)


def test_every_candidate_gets_every_round_of_every_case() -> None:
    rows = run(claim("doubled", "times_two"), QUICK)
    assert [row.case for row in rows] == ["one", "two"]
    for row in rows:
        assert list(row.timings) == ["doubled", "times_two"]
        assert not row.unavailable
        for measured in row.timings.values():
            assert len(measured.blocks) == 3
            assert min(measured.blocks) > 0
            assert measured.repeats >= 1
            assert measured.memory > 2**20


def test_a_claim_may_ask_for_more_rounds() -> None:
    row = measure(claim("doubled", rounds=5), "one", QUICK)
    assert len(row.timings["doubled"].blocks) == 5


def test_processor_time_is_a_clock() -> None:
    row = measure(claim("doubled"), "one", Settings(2, 0.0005, None, "cpu"))
    assert 0 < row.timings["doubled"].median < 1


def test_rows_may_leave_candidates_out() -> None:
    row = measure(claim("doubled", "times_two", only={"one": ("times_two",)}), "one", QUICK)
    assert list(row.timings) == ["times_two"]


def test_wrong_numbers_stop_the_benchmark_before_any_timing() -> None:
    with pytest.raises(DisagreementError, match=r"toy, one: tripled and doubled differ in double by 5\.0e-01"):
        measure(claim("doubled", "times_two", "tripled"), "one", QUICK)


def test_candidates_that_cannot_run_are_named_with_the_reason_and_stop_nothing() -> None:
    row = measure(claim("doubled", "absent", "not_installed"), "one", QUICK)
    assert list(row.timings) == ["doubled"]
    assert row.unavailable["absent"] == "there is no such library"
    assert "a_library_that_nobody_has" in row.unavailable["not_installed"]


def test_a_fault_of_a_candidate_stops_the_benchmark_with_its_traceback() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)broken: .*ZeroDivisionError: a fault of the candidate"):
        measure(claim("doubled", "broken"), "one", QUICK)


def test_a_process_that_ends_is_reported_with_its_exit_code() -> None:
    with pytest.raises(RuntimeError, match=r"crashing: the process ended, exit code 7"):
        measure(claim("crashing"), "one", QUICK)


def test_a_candidate_runs_in_its_own_process_on_one_core_with_one_thread() -> None:
    core = max(os.sched_getaffinity(0))
    with Process(Candidate("surroundings", "tests.benchmarks.toys:surroundings"), core) as process:
        found = process.ask("prepare", {})
    assert found["cores"].tolist() == [core]
    assert found["threads"] == 1
    assert found["process"] != os.getpid()


def test_a_candidate_that_does_not_answer_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.harness.PATIENCE", 0.0)
    process = Process(Candidate("doubled", "tests.benchmarks.toys:doubled"), None)
    with process, pytest.raises(UnavailableError, match="no answer to 'prepare'"):
        process.ask("prepare", {"x": 1.0})


@pytest.mark.parametrize(
    "theirs",
    [{"a": np.nan}, {"a": np.inf}, {"a": 1.001}, {"b": 1.0}, {}, {"a": 1.0, "b": 1.0}, {"a": np.ones(2)}],
)
def test_numbers_that_are_missing_apart_or_not_finite_disagree(theirs: dict[str, Any]) -> None:
    with pytest.raises(DisagreementError):
        require_agreement(claim("doubled"), "one", {"ours": {"a": 1.0}, "theirs": theirs})


def test_tolerance_is_relative_and_may_be_set_by_name() -> None:
    numbers = {"ours": {"a": np.array([1e6, 0.0])}, "theirs": {"a": np.array([1e6, 50.0])}}
    require_agreement(claim("doubled"), "one", numbers)
    with pytest.raises(DisagreementError, match="expected at most 1e-05"):
        require_agreement(claim("doubled", tolerance={"a": 1e-5}), "one", numbers)


def test_difference_is_relative_to_the_first_and_absolute_where_that_is_zero() -> None:
    assert difference(np.array([3.0, 4.0]), np.array([3.0, 4.5])) == pytest.approx(0.1)
    assert difference(np.zeros(2), np.array([0.0, 0.25])) == 0.25
    assert difference(np.zeros(2), np.zeros(2)) == 0.0


def test_ratio_is_peer_over_ours() -> None:
    row = Row("one", {"ours": timing(2.0, 4.0, 9.0), "peer": timing(5.0, 8.0, 80.0)}, {})
    assert row.ratio("peer", "ours") == 2.0
    assert row.ratio("peer", "ours", minimum=True) == 2.5
    assert row.ratio("ours", "ours") == 1.0
    assert row.ratio("absent", "ours") is None
    assert row.ratio("peer", "absent") is None


def test_timings_have_median_minimum_and_quartiles() -> None:
    measured = timing(5.0, 1.0, 3.0, 2.0, 4.0)
    assert (measured.median, measured.minimum) == (3.0, 1.0)
    assert (measured.quantile(0.25), measured.quantile(0.75)) == (2.0, 4.0)
