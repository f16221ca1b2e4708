"""`evenhand eval report`: runs as one self-contained HTML file."""

from evenhand_evals.report.page import render

__all__ = ["render"]
