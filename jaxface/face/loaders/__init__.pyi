from .file_kinds import Kind, sniff
from .loading import Report, describe, load

__all__ = ["Kind", "Report", "describe", "load", "sniff"]
