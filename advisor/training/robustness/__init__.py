"""Measures beyond the accuracy on clean examples: what a trained network still answers where its inputs are damaged.

`CORRUPTIONS` names what can happen to images, texts and tables. Torch is imported where something is damaged.
"""

from advisor.training.robustness import image_blur as image_blur
from advisor.training.robustness import image_digital as image_digital
from advisor.training.robustness import image_noise as image_noise
from advisor.training.robustness import table_faults as table_faults
from advisor.training.robustness import typos as typos
from advisor.training.robustness.corrupted_test import CorruptedTest as CorruptedTest
from advisor.training.robustness.evaluation import with_corrupted as with_corrupted
from advisor.training.robustness.forms import why_none as why_none
from advisor.training.robustness.overlap import overlap_notes as overlap_notes
from advisor.training.robustness.registry import CORRUPTIONS as CORRUPTIONS
from advisor.training.robustness.registry import SEVERITIES as SEVERITIES
from advisor.training.robustness.registry import Corruption as Corruption
