"""What the verifier trains: named models, one file each, other libraries' by name, and the user's own."""

from advisor.models.registry import MODELS as MODELS
from advisor.models.registry import default_model as default_model
from advisor.models.spec import ModelSpec as ModelSpec
from advisor.models.task import ModelTask as ModelTask
