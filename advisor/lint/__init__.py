"""Scripts and configs against the rules. A new anti-pattern is its file here and one import below."""

from advisor.lint import augmented_validation as augmented_validation
from advisor.lint import best_checkpoint as best_checkpoint
from advisor.lint import comparisons as comparisons
from advisor.lint import technique_settings as technique_settings
from advisor.lint import weight_decay_on_norms as weight_decay_on_norms
from advisor.lint.model import LintFinding as LintFinding
from advisor.lint.patches import apply_patch as apply_patch
from advisor.lint.scan import lint as lint
from advisor.lint.scan import lint_config as lint_config
