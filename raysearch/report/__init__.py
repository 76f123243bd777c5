"""The report of a study: one self-contained page and its figures as files."""

from raysearch.report.contents import NotAvailable, ReportContents
from raysearch.report.figures import FIGURES
from raysearch.report.write import write_report

__all__ = ["FIGURES", "NotAvailable", "ReportContents", "write_report"]
