"""Find replay bugs in durable workflow code before it is deployed.

`check_paths` reads files and folders; `check_handler` reads the code behind one Lambda handler string. Both only
read source: nothing is imported or run.
"""

from durable_check._api import check_handler, check_paths
from durable_check._model import Edit, Finding, Note, Operation, Report, Severity
from durable_check._settings import Settings, SettingsError
from durable_check.rules import RULES, Rule, explain

__all__ = [
    "RULES",
    "Edit",
    "Finding",
    "Note",
    "Operation",
    "Report",
    "Rule",
    "Settings",
    "SettingsError",
    "Severity",
    "check_handler",
    "check_paths",
    "explain",
]
