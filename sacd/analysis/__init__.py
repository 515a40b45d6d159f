"""Metrics, comparisons and maps: arrays and DataFrames in, DataFrames out; nothing here knows of training."""
