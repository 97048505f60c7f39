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
from advisor.techniques.randaugment import RandAugment as RandAugment
from advisor.techniques.trivialaugment import TrivialAugment as TrivialAugment
from advisor.techniques.augmix import AugMix as AugMix
from advisor.techniques.augmax import AugMax as AugMax
from advisor.techniques.cutout import Cutout as Cutout
from advisor.techniques.input_noise import InputNoise as InputNoise
from advisor.techniques.mixup import Mixup as Mixup
from advisor.techniques.cutmix import CutMix as CutMix
from advisor.techniques.label_smoothing import LabelSmoothing as LabelSmoothing
from advisor.techniques.class_balance import ClassBalance as ClassBalance
from advisor.techniques.r_drop import RDrop as RDrop
from advisor.techniques.dropout import Dropout as Dropout
from advisor.techniques.spatial_dropout import SpatialDropout as SpatialDropout
from advisor.techniques.drop_block import DropBlock as DropBlock
from advisor.techniques.stochastic_depth import StochasticDepth as StochasticDepth
from advisor.techniques.lora_dropout import LoraDropout as LoraDropout
from advisor.techniques.weight_decay import WeightDecay as WeightDecay
from advisor.techniques.llrd import Llrd as Llrd
from advisor.techniques.gradual_unfreezing import GradualUnfreezing as GradualUnfreezing
from advisor.techniques.distillation import Distillation as Distillation
from advisor.techniques.feature_distillation import FeatureDistillation as FeatureDistillation
from advisor.techniques.self_distillation import SelfDistillation as SelfDistillation
from advisor.techniques.sam import Sam as Sam
from advisor.techniques.max_norm import MaxNorm as MaxNorm
from advisor.techniques.ema import Ema as Ema
from advisor.techniques.swa import Swa as Swa
from advisor.techniques.snapshot_ensemble import SnapshotEnsemble as SnapshotEnsemble
from advisor.techniques.mc_dropout import McDropout as McDropout
from advisor.techniques.early_stopping import EarlyStopping as EarlyStopping
from advisor.techniques.seed_ensemble import SeedEnsemble as SeedEnsemble
from advisor.techniques.temperature_scaling import TemperatureScaling as TemperatureScaling
