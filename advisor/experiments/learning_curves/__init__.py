"""Learning curves: error by number of training examples, what more data would bring, and what a recipe is worth."""

from advisor.experiments.learning_curves.behaviour import Behaviour as Behaviour
from advisor.experiments.learning_curves.curve import LearningCurve as LearningCurve
from advisor.experiments.learning_curves.curve import Prediction as Prediction
from advisor.experiments.learning_curves.curve import fit_curve as fit_curve
from advisor.experiments.learning_curves.worth import MoreData as MoreData
from advisor.experiments.learning_curves.worth import Worth as Worth
from advisor.experiments.learning_curves.worth import what_more_data_brings as what_more_data_brings
from advisor.experiments.learning_curves.worth import worth as worth
