"""What techniques are made of: their contract, what they see of a training, and how their hooks are composed."""

from advisor.techniques.core.run import Run as Run
from advisor.techniques.core.run import TaskFacts as TaskFacts
from advisor.techniques.core.run import Trained as Trained
from advisor.techniques.core.run import TrainOnce as TrainOnce
from advisor.techniques.core.streams import Streams as Streams
from advisor.techniques.core.targets import TargetKind as TargetKind
from advisor.techniques.core.targets import Targets as Targets
from advisor.techniques.core.technique import TECHNIQUES as TECHNIQUES
from advisor.techniques.core.technique import Card as Card
from advisor.techniques.core.technique import Effect as Effect
from advisor.techniques.core.technique import Technique as Technique
from advisor.techniques.core.technique import build_techniques as build_techniques
from advisor.techniques.core.technique import check_conflicts as check_conflicts
from advisor.techniques.core.technique import find_technique as find_technique
from advisor.techniques.core.technique import register as register
from advisor.techniques.core.technique import strength as strength
