"""The proof itself: what it rests on, and that it can fail."""

import re
from pathlib import Path

import pytest

import backproof as bp
from backproof.errors import MissingExtraError, ProofError
from backproof.proving import AXIOMS, certify_network, compiled_development
from backproof.proving import development as where
from backproof.proving.checking import read_assumptions, run_coq
from backproof.proving.development import imports

PROOF = Path(__file__).resolve().parents[2] / "proof"
SOURCES = sorted(PROOF.glob("*.v"))
SABOTAGE = re.compile(r"\(\*:\*\)(?P<wrong>.*?)\(\*honest: (?P<right>.*?) :\*\)", re.DOTALL)
IMPORT = re.compile(r"From backproof Require Import ([^.]*)\.")
LIMIT = 120.0


def test_theorems_rest_on_three_classical_axioms_and_those_on_costs_on_none(development: Path) -> None:
    code, output = run_coq(development, (PROOF / "assumptions.v").read_text(), LIMIT)
    assert code == 0, output
    of_analysis, of_counting = output.split("Closed under the global context")[0], output
    assert sorted(read_assumptions(of_analysis) or []) == sorted(AXIOMS)
    assert of_counting.count("Closed under the global context") == 1
    assert output.count("Axioms:") == 1


def test_assumptions_name_every_theorem_that_is_not_on_the_way_to_another() -> None:
    named = set(re.findall(r"@(\w+)", (PROOF / "assumptions.v").read_text()))
    main = [
        "backpropagation_gives_input_gradient",
        "backpropagation_gives_layer_gradient",
        "backpropagation_gives_joint_gradient",
        "certified_layer_gradient",
        "left_first_is_optimal_for_one_row",
        "plan_is_optimal",
        "rational_run_agrees",
    ]
    assert named >= set(main)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_no_source_admits_anything(source: Path) -> None:
    text = re.sub(r"\(\*.*?\*\)", "", source.read_text(), flags=re.DOTALL)
    assert not re.search(r"\b(Admitted|Axioms?|Parameters?|Conjecture|admit|give_up|Unset Guard Checking)\b", text)


@pytest.mark.parametrize("source", sorted(PROOF.glob("sabotage/*.v")), ids=lambda source: source.stem)
def test_a_sabotaged_recursion_is_refused_and_the_honest_one_is_not(source: Path, development: Path) -> None:
    wrong = source.read_text()
    honest, replaced = SABOTAGE.subn(lambda match: match["right"], wrong)
    assert replaced == 1
    assert run_coq(development, honest, LIMIT)[0] == 0
    assert run_coq(development, wrong, LIMIT)[0] != 0  # an error, or out of time


def test_there_are_three_sabotages() -> None:
    assert {source.stem for source in PROOF.glob("sabotage/*.v")} == {"transposed", "missing_layer", "no_bias_block"}


def test_every_source_is_in_the_project_and_opens_with_what_it_shows() -> None:
    project = set(re.findall(r"^\w+\.v$", (PROOF / "_CoqProject").read_text(), re.MULTILINE))
    assert project == {source.name for source in SOURCES}
    readme = (PROOF / "README.md").read_text()
    for source in SOURCES:
        assert source.read_text().startswith("(* ---"), source.name
        assert f"`{source.name}`" in readme


def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *names: str) -> Path:
    """Pretend that the package is installed with some of the sources, away from a clone."""
    package = tmp_path / "site" / "backproof"
    (package / "proof").mkdir(parents=True)
    for name in names:
        (package / "proof" / f"{name}.v").write_text((PROOF / f"{name}.v").read_text())
    monkeypatch.setattr(where, "__file__", str(package / "proving" / "development.py"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return package


def test_an_installed_package_compiles_its_sources_once_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, development: Path
) -> None:
    installed(tmp_path, monkeypatch, "jacobian")
    folder = compiled_development(["jacobian"])
    assert folder.is_relative_to(tmp_path / "cache")
    compiled = (folder / "jacobian.vo").stat().st_mtime_ns
    assert compiled_development(["jacobian"]) == folder
    assert (folder / "jacobian.vo").stat().st_mtime_ns == compiled


def test_missing_and_broken_sources_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, development: Path
) -> None:
    package = installed(tmp_path, monkeypatch)
    with pytest.raises(ProofError, match="not installed with backproof"):
        compiled_development(["jacobian"])
    (package / "proof" / "broken.v").write_text("Lemma wrong : 1 = 2. Proof. reflexivity. Qed.")
    with pytest.raises(ProofError, match=r"broken\.v does not compile.*Unable to unify"):
        compiled_development(["broken"])


def test_without_coq_the_error_has_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingExtraError, match="apt-get install coq libcoq-mathcomp-analysis"):
        compiled_development()


def test_everything_a_certificate_imports_is_reached_from_the_roots() -> None:
    reached: set[str] = set()
    waiting = list(where.ROOTS)
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting.extend(set(imports(PROOF / f"{name}.v")) - reached)
    text = certify_network(bp.Network([bp.Linear(1, 1)]), (1,), bp.SquaredError()).text
    needed = {name for line in IMPORT.findall(text) for name in line.split()}
    assert {"network", "theorem"} < needed <= reached
