"""All pairs of techniques: the legal ones train, the illegal ones refuse and say why.

On an MLP and a two-layer ViT in every test run; on narrow forms of the other networks by `make test-pairs`.
"""

import itertools
import os

import pytest

from advisor.errors import AdvisorError
from advisor.techniques import TECHNIQUES
from advisor.techniques.core import check_conflicts
from tests.techniques.networks import NEEDS, NETWORKS, train_plainly, with_company

PAIRS = list(itertools.combinations(TECHNIQUES, 2))
COMMON = ("mlp", "vit")
NARROW = tuple(network for network in NETWORKS if network != "resnet18")
ASKED = NARROW if os.environ.get("REGADVISOR_ALL_PAIRS") else COMMON
EPOCHS, STEPS = 4, 5


def _refused_alone(name: str, network: str) -> bool:
    if name in NEEDS.get(network, ()):
        return True
    return NETWORKS[network].text and "text" not in TECHNIQUES[name].card.modalities


@pytest.mark.parametrize("network", ASKED)
@pytest.mark.parametrize("first", TECHNIQUES)
def test_each_legal_pair_trains_twenty_steps_and_each_illegal_one_says_why(first: str, network: str) -> None:
    if _refused_alone(first, network):
        pytest.skip(f"{first} refuses {network} alone: see test_each_network")
    for second in (other for one, other in PAIRS if one == first and not _refused_alone(other, network)):
        techniques = with_company([second, first], network)
        if check_conflicts([first, second]):
            with pytest.raises(AdvisorError, match=f"'{first}' and '{second}' conflict|'{second}' and '{first}' conf"):
                train_plainly(network, techniques)
        else:
            try:
                train_plainly(network, techniques, epochs=EPOCHS, steps=STEPS)
            except AssertionError as error:
                raise AssertionError(f"{first} with {second} on {network}: {error}") from error
