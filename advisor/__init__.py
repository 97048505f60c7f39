"""Diagnose generalization problems, recommend regularization, and prove each step with paired trainings."""

__version__ = "0.1.0"
