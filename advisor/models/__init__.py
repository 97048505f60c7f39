"""What the verifier trains: named models, one file each, and the user's own."""

from advisor.models.build import MODELS as MODELS
from advisor.models.build import build as build
