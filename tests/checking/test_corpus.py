"""Planted faults: every one is rejected, most causes are named, and nothing correct is accused."""

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).resolve().parents[2]))

from benchmarks.checkers import Task, main, run, work
from benchmarks.checkers_ours import checked
from benchmarks.checkers_peers import PEERS, accepts
from benchmarks.checkers_text import counts
from benchmarks.checkers_views import apart, cotangent, inputs_of, view, visible
from benchmarks.corpus import FILES, Case, Fault, cases
from benchmarks.corpus.case import GIVEN_APART, GIVEN_WITHIN

ROOT = Path(__file__).resolve().parents[2]
CASES = cases()
FAULTS = [(case, fault) for case in CASES for fault in case.faults]
DTYPES = [
    (case, dtype)
    for case in CASES
    for dtype in ("float64", "float32", "bfloat16")
    if dtype != "bfloat16" or case.library == "torch"
]
SEEDS = {"numpy": 10, "torch": 4, "jax": 4}


def name(value: object) -> str | None:
    return value.title if isinstance(value, Case) else value.name if isinstance(value, Fault) else None


def test_corpus_has_sixty_faults_over_fifteen_functions_in_three_libraries() -> None:
    assert len(FAULTS) >= 60
    assert len({case.name for case in CASES}) >= 15
    assert {case.library for case in CASES} == set(FILES) == {"numpy", "torch", "jax"}
    assert all(case.given in GIVEN_APART + GIVEN_WITHIN for case in CASES)
    assert all(case.faults for case in CASES)


def test_titles_and_names_of_faults_are_unique() -> None:
    assert max(Counter(case.title for case in CASES).values()) == 1
    assert max(Counter((case.title, fault.name) for case, fault in FAULTS).values()) == 1


@pytest.mark.parametrize(("case", "fault"), FAULTS, ids=name)
def test_every_fault_shows_at_seed_0(case: Case, fault: Fault) -> None:
    assert visible(case, fault, 0)


@pytest.mark.parametrize("case", CASES, ids=name)
def test_a_correct_derivative_is_not_called_a_fault(case: Case) -> None:
    assert not visible(case, Fault("none", case.derivative, ()), 0)


@pytest.mark.parametrize(("case", "dtype"), DTYPES, ids=lambda v: v.title if isinstance(v, Case) else v)
def test_correct_versions_are_accepted(case: Case, dtype: str) -> None:
    assert not [seed for seed in range(SEEDS[case.library]) if not checked(case, None, seed, dtype)[0]]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_fault_is_rejected_and_four_of_five_causes_are_right(dtype: str) -> None:
    found = {(c.title, f.name): checked(c, f, 0, dtype) for c, f in FAULTS if dtype in f.dtypes}
    assert not [key for key, (ok, _) in found.items() if ok]
    right = [(c.title, f.name) for c, f in FAULTS if dtype in f.dtypes and found[c.title, f.name][1] in f.causes]
    assert len(right) >= 0.8 * len(found), sorted(set(found) - set(right))


@pytest.mark.parametrize("library", FILES)
def test_causes_are_right_in_every_library(library: str) -> None:
    faults = [(c, f) for c, f in FAULTS if c.library == library]
    right = sum(checked(c, f, 1, "float64")[1] in f.causes for c, f in faults)
    assert right >= 0.8 * len(faults)


def simplest(library: str) -> Case:
    return next(case for case in CASES if case.library == library and case.name == "linear")


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("library", FILES)
def test_every_peer_accepts_a_correct_function_and_rejects_a_gross_fault(peer: str, library: str) -> None:
    case = simplest(library)
    fault = next(fault for fault in case.faults if fault.name == "mean over the batch")
    assert accepts(PEERS[peer], case, None, 0, "float64")
    assert not accepts(PEERS[peer], case, fault, 0, "float64")


@pytest.mark.parametrize("peer", [peer for peer in PEERS if "jax" not in peer])
def test_peers_accept_what_is_correct_and_smooth_in_float64(peer: str) -> None:
    smooth = [case for case in CASES if not case.kinks]
    assert not [case.title for case in smooth if not accepts(PEERS[peer], case, None, 0, "float64")]


@pytest.mark.parametrize("case", [simplest("torch"), simplest("jax")], ids=name)
def test_a_view_has_the_function_and_the_gradients_of_its_numpy_kin(case: Case) -> None:
    x, w, b = inputs_of(case, 3)
    seen = view(case)
    u = cotangent(seen, (x, w, b), 3)
    kernel = w.T if case.library == "torch" else w
    assert apart(x @ kernel + b, seen.forward(x, w, b)) < 1e-14
    dw = x.T @ u
    expected = (u @ kernel.T, dw.T if case.library == "torch" else dw, u.sum(0))
    assert max(map(apart, expected, seen.pull(x, w, b, u))) < 1e-14


def test_apart_is_infinite_for_another_shape_and_for_nan() -> None:
    assert apart(np.zeros(2), np.zeros(3)) == np.inf
    assert apart(np.ones(2), np.array([1.0, np.nan])) == np.inf
    assert apart(np.array([2.0, 4.0]), np.array([2.0, 3.0])) == 0.25


def test_a_task_counts_what_a_checker_misses_and_accuses() -> None:
    found = work(Task("torch.autograd.gradcheck", "float64", "tiny sine (numpy gradient)", 2, 2))
    assert found.accused == ()
    assert found.missed == {"-50 times": (0, 1), "zero": (0, 1)}
    row = {**vars(found), "task": vars(found.task)}
    assert counts([row])["missed"] == 2
    assert counts([row])["missed runs"] == counts([row])["fault runs"] == 4
    assert counts([row])["accused runs"] == 0


def test_a_run_that_was_stopped_is_not_done_again(tmp_path: Path) -> None:
    task = Task("scipy.optimize.check_grad", "float64", "weight decay (numpy gradient)", 1, 1)
    row = {"task": vars(task), "accused": [0], "missed": {}}
    (tmp_path / "kept").write_text(json.dumps(row) + "\n")
    assert run([task], tmp_path / "kept") == [row]


def test_command_for_no_case_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main("no such case", tmp_path)
    assert not list(tmp_path.iterdir())
    assert capsys.readouterr().out == ""


def test_the_page_shows_the_tables_of_the_result_file() -> None:
    results = (ROOT / "benchmarks" / "results" / "checkers.md").read_text().splitlines()
    rows = [row for row in (ROOT / "docs" / "checkers.md").read_text().splitlines() if row.startswith("|")]
    assert len(rows) > 10
    assert not [row for row in rows if row not in results]
