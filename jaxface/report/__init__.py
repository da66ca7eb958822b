"""The report of a run: tables, figures and faces in one HTML file."""

from jaxface.report.html import page, write
from jaxface.report.observation import write_observation
from jaxface.report.tables import ScoreRow, score_rows, score_table

__all__ = ["ScoreRow", "page", "score_rows", "score_table", "write", "write_observation"]
