"""The registry of techniques: one file each, one import line here, in the order in which their hooks run."""

# isort: off
from advisor.techniques.base import TECHNIQUES as TECHNIQUES
from advisor.techniques.base import build_techniques as build_techniques
from advisor.techniques.base import find_technique as find_technique

# The order matters to what a batch goes through: an image is moved before it is mixed, and its label smoothed last.
from advisor.techniques.basic_augmentation import BasicAugmentation as BasicAugmentation
from advisor.techniques.mixup import Mixup as Mixup
from advisor.techniques.label_smoothing import LabelSmoothing as LabelSmoothing
from advisor.techniques.dropout import Dropout as Dropout
from advisor.techniques.weight_decay import WeightDecay as WeightDecay
from advisor.techniques.early_stopping import EarlyStopping as EarlyStopping
