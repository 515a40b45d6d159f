"""From a profile to pages that open with the network off: `Report` plans, trains, executes notebooks, publishes."""

from sacd.report.report import Report

__all__ = ["Report"]
