"""What the verifier trains on: built-in sets and the user's own data, split, prepared and described."""

from advisor.data.card import DataCard as DataCard
from advisor.data.dataset import Cut as Cut
from advisor.data.dataset import Dataset as Dataset
from advisor.data.facts import InputFacts as InputFacts
from advisor.data.facts import Prepared as Prepared
from advisor.data.groups import Groups as Groups
from advisor.data.source import inspect as inspect
from advisor.data.source import load as load
from advisor.data.splits import Splits as Splits
from advisor.data.splits import split as split
from advisor.data.splits import standardized as standardized
