import pytest

from backproof.checking import check
from checking.other_faults import OTHERS, Other


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: other.name)
def test_a_fault_beyond_the_corpus_is_rejected(other: Other) -> None:
    assert not check(other.function, *other.inputs, **other.wrong).ok


def test_four_of_five_causes_are_right_beyond_the_corpus() -> None:
    named = {other.name: check(other.function, *other.inputs, **other.wrong).cause for other in OTHERS}
    right = [other.name for other in OTHERS if named[other.name] in other.causes]
    assert len(right) >= 0.8 * len(OTHERS), sorted(set(named) - set(right))
