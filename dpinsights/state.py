"""The state directory: ledger, releases and `work/`, outside the definitions, for its owner alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dpinsights.errors import LedgerError

VARIABLE = "DPINSIGHTS_STATE"
ADDRESS = "DPINSIGHTS_LEDGER"


@dataclass(frozen=True)
class State:
    """A state directory. Rows and what is made of them lie in `work/` only.

    Attributes:
        folder: the directory.
        address: where on PostgreSQL the budget ledger is; empty if it is the file `ledger`.
    """

    folder: Path
    address: str = field(default="", repr=False)

    @property
    def ledger(self) -> Path:
        """The file of the budget ledger, which holds the noisy measurements too."""
        return self.folder / "ledger.sqlite"

    @property
    def releases(self) -> Path:
        """One folder for each release."""
        return self.folder / "releases"

    @property
    def work(self) -> Path:
        """Spilled rows; nothing here is ever shared."""
        return self.folder / "work"

    def prepare(self) -> None:
        """Makes what is missing, mode 0700."""
        for folder in (self.folder, self.releases, self.work):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.chmod(self.work, 0o700)


def find_state(given: Path | str | None, environment: Mapping[str, str] = os.environ) -> State:
    """The state directory that was named, by argument or by DPINSIGHTS_STATE; DPINSIGHTS_LEDGER names a server's ledger.

    Raises:
        LedgerError: if neither names one: a ledger that nobody chose a place for would be a fresh budget. Or if there
            are two ledgers.
    """
    folder = given or environment.get(VARIABLE)
    if not folder:
        raise LedgerError(
            "no state directory was named: give --state DIRECTORY (state= in Python) or set DPINSIGHTS_STATE; "
            "the ledger lies there, and all reports over the same people must use the same one"
        )
    state = State(Path(folder).expanduser().resolve(), environment.get(ADDRESS, ""))
    if state.address and state.ledger.exists():
        raise LedgerError(
            f"{state.ledger} lies here, and {ADDRESS} names another ledger: a partnership has one, or its budget would be "
            f"spent twice; unset {ADDRESS}, or name another state directory"
        )
    if state.address and not state.address.startswith(("postgresql://", "postgres://", "service=")):
        raise LedgerError(
            f"{ADDRESS} is not an address of PostgreSQL: write postgresql://ROLE@HOST/DATABASE or service=NAME"
        )
    return state
