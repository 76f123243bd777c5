"""The scan: the same hyperparameter sets at every number of signal events, in every mode.

References:
    How to pick the best anomaly detector? (Hein et al., 2025), arXiv:2511.14832
"""

from typing import TYPE_CHECKING

from raysearch.late import late

if TYPE_CHECKING:
    from raysearch.scanning.interface import resume_scan, scan
    from raysearch.scanning.result import Scan, is_scan, load_scan
    from raysearch.scanning.settings import ScanSettings

__all__ = ["Scan", "ScanSettings", "is_scan", "load_scan", "resume_scan", "scan"]

__getattr__, __dir__ = late(
    __name__,
    {
        "interface": ("resume_scan", "scan"),
        "result": ("Scan", "is_scan", "load_scan"),
        "settings": ("ScanSettings",),
    },
)
