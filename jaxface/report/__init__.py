"""The report of a run: a verdict, faces that move, tables and figures in one HTML file."""

from jaxface.report.compare_page import comparison_page, write_comparison
from jaxface.report.compare_runs import comparison_table
from jaxface.report.html import page, write
from jaxface.report.model_index import write_model_index
from jaxface.report.observation import write_observation
from jaxface.report.survey_html import survey_page, write_survey
from jaxface.report.survey_text import survey_table
from jaxface.report.tables import ScoreRow, score_rows, score_table

__all__ = [
    "ScoreRow",
    "comparison_page",
    "comparison_table",
    "page",
    "score_rows",
    "score_table",
    "survey_page",
    "survey_table",
    "write",
    "write_comparison",
    "write_model_index",
    "write_observation",
    "write_survey",
]
