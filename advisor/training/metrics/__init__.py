"""The metrics of a split: one small pure function each, by name, computed in float64 with torch alone.

The table of names is light; torch is imported where something is measured.
"""

from advisor.training.metrics.calibration import adaptive_calibration_error as adaptive_calibration_error
from advisor.training.metrics.calibration import calibration_error as calibration_error
from advisor.training.metrics.catalogue import METRICS as METRICS
from advisor.training.metrics.catalogue import metric_names as metric_names
from advisor.training.metrics.measure import measure as measure
from advisor.training.metrics.tokens import TokenSums as TokenSums
from advisor.training.metrics.tokens import token_metrics as token_metrics
from advisor.training.metrics.tokens import token_sums as token_sums
