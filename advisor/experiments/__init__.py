"""Experiments: arms, blocks, splits, budget, statistics and verdicts."""
