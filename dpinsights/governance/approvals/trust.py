"""Reading trust.yaml, and going from one trust file to the next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dpinsights.definitions.places import Origin, nearest, refuse
from dpinsights.definitions.reading import read_file
from dpinsights.definitions.validation import validate
from dpinsights.errors import Problem
from dpinsights.model.contract import Contract
from dpinsights.model.trust import Trust


def load_trust(path: Path | str, contract: Contract | None = None) -> Trust:
    """A trust file; with a contract, its parties must be the contract's, and each must be able to sign.

    Raises:
        DefinitionError: all problems of the file at once.
    """
    written = read_file(path)
    trust = validate(Trust, written)
    if contract is not None:
        refuse(_problems(trust, contract, written.origin))
    return trust


def _problems(trust: Trust, contract: Contract, origin: Origin) -> Iterator[Problem]:
    if trust.trust != contract.contract:
        message = f"this trust file is of '{trust.trust}', the contract is '{contract.contract}'"
        yield origin.problem(("trust",), "wrong-contract", message, contract.contract)
    for number, key in enumerate(trust.keys):
        if key.party is not None and key.party not in contract.parties:
            hint = nearest(key.party, contract.parties) or " or ".join(contract.parties)
            yield origin.problem(
                ("keys", number, "party"), "unknown-party", f"'{key.party}' is not a party", hint
            )
    if any(key.party not in (None, *contract.parties) for key in trust.keys):
        return
    for missing in trust.unreachable(sorted(contract.parties)):
        yield origin.problem(("threshold",), "threshold-unreachable", missing, of_key=True)
