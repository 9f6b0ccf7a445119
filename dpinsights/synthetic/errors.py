"""The one error of this room."""

from __future__ import annotations

from dpinsights.errors import DpInsightsError


class PopulationError(DpInsightsError):
    """A population that can't be made as it is declared; names the file, the field and the fault."""

    exit_code = 2
