from .compare_page import comparison_page, write_comparison
from .compare_runs import comparison_table
from .html import page, write
from .model_index import write_model_index
from .observation import write_observation
from .survey_html import survey_page, write_survey
from .survey_text import survey_table
from .tables import ScoreRow, score_rows, score_table

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
