"""The pictures, each as PNG for agents and as inline SVG for the page."""

from advisor.report.curve_plot import curves_picture as curves_picture
from advisor.report.effect_plot import effects_picture as effects_picture
from advisor.report.epoch_plot import effect_by_epoch_picture as effect_by_epoch_picture
from advisor.report.findings import findings_picture as findings_picture
