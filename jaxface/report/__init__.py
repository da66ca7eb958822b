"""The report of a run: tables, figures and faces in one HTML file."""

from jaxface.report.html import page, write
from jaxface.report.tables import score_table

__all__ = ["page", "score_table", "write"]
