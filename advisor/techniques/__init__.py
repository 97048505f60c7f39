"""The registry of techniques: one file each, one import line here, in the order in which their hooks run."""

# isort: off
from advisor.techniques.core import TECHNIQUES as TECHNIQUES
from advisor.techniques.core import Targets as Targets
from advisor.techniques.core import Trained as Trained
from advisor.techniques.core import build_techniques as build_techniques
from advisor.techniques.core import find_technique as find_technique
from advisor.techniques.core.session import Session as Session
from advisor.techniques.core.session import regularize as regularize

# The order matters to what a batch goes through: an image is moved before it is mixed, and its label smoothed last.
from advisor.techniques.basic_augmentation import BasicAugmentation as BasicAugmentation
from advisor.techniques.mixup import Mixup as Mixup
from advisor.techniques.label_smoothing import LabelSmoothing as LabelSmoothing
from advisor.techniques.dropout import Dropout as Dropout
from advisor.techniques.weight_decay import WeightDecay as WeightDecay
from advisor.techniques.early_stopping import EarlyStopping as EarlyStopping
