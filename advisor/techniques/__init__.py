"""The registry of techniques: one file each, one import line here, in the order in which their hooks run."""

from advisor.techniques.base import TECHNIQUES as TECHNIQUES
from advisor.techniques.base import build_techniques as build_techniques
from advisor.techniques.base import find_technique as find_technique
