"""The command line. Every command prints declared names and ledger facts, never a row, a true count or a duration."""

from __future__ import annotations

import sys

from dpinsights.cli import approvals, budgets, exports, ledgers, reports, verifying
from dpinsights.cli.shared import app, err
from dpinsights.errors import DpInsightsError

__all__ = ["app", "approvals", "budgets", "err", "exports", "ledgers", "main", "reports", "verifying"]


def main() -> None:
    """Runs the command line; what a user can mend is said without a traceback, and nothing else ever shows one."""
    try:
        app(standalone_mode=True)
    except DpInsightsError as error:
        err.print(str(error), style="red", markup=False)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:
        # A traceback may hold values of rows.
        err.print(
            "dpinsights met a fault of its own and stopped. Nothing more is shown, since it might hold data.",
            style="red",
        )
        sys.exit(70)
