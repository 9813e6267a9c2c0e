"""scikit-learn's own checks of estimators, all of them, with no list of expected failures."""

import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from backproof.training.estimators import BackproofClassifier, BackproofRegressor


@pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")
@parametrize_with_checks([BackproofClassifier(max_iter=100), BackproofRegressor(max_iter=100)])
def test_estimators_pass_every_check_of_scikit_learn(estimator, check):
    check(estimator)
