"""``--no-compile`` trains the ordinary way, to the same numbers up to rounding."""

import json

import pytest


def test_training_has_the_same_numbers_with_and_without_compiling(cli):
    losses = {}
    for flag in ("--compile", "--no-compile"):
        result = cli("train", "digits", "-o", "m.backproof", "--epochs", 1, "--hidden", 8, "--json", flag)
        assert result.code == 0
        answer = json.loads(result.out)
        assert answer["training"]["compile"] is (flag == "--compile")
        losses[flag] = answer["test"]["loss"]
    assert losses["--compile"] == pytest.approx(losses["--no-compile"], rel=1e-4)
