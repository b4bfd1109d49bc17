"""Reading a run's folder: the self-contained page of one run, and the few numbers that stand for it in a list."""

from genrl.report.folder import RunFolder, is_run, read_run
from genrl.report.page import write_report
from genrl.report.summary import find_runs, summary

__all__ = ["RunFolder", "find_runs", "is_run", "read_run", "summary", "write_report"]
