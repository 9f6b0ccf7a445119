"""The field checklist: seventeen rows that an approval and a report have to carry, filled from a release's files.

What no file says is missing; nothing is made up. A signature, a receipt or a lock that does not hold is shown as such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dpinsights.exporting.evidence import Evidence
from dpinsights.exporting.folder import ReleaseFolder
from dpinsights.exporting.telling import Telling
from dpinsights.governance.approvals.approval import Approval, Approved
from dpinsights.governance.approvals.receipt import Receipt
from dpinsights.model.approval import ApprovalField
from dpinsights.model.names import EXPLORATION
from dpinsights.model.trust import Trust
from dpinsights.reporting.words import Words

ROWS = 17
"""How many rows the checklist has."""


@dataclass(frozen=True)
class Field:
    """One field: its texts, or none where it is missing; `fault` says why what is there does not hold.

    `source` names the file that it comes from, as the phrase `from_<source>` calls it.
    """

    key: str
    source: str
    lines: tuple[str, ...]
    fault: str = ""

    @property
    def state(self) -> str:
        """`filled`, `missing` or `faulty`."""
        return "faulty" if self.fault else "filled" if self.lines else "missing"


@dataclass(frozen=True)
class Row:
    """One of the rows, with its fields."""

    number: int
    fields: tuple[Field, ...]

    @property
    def state(self) -> str:
        """`faulty` if a field is, else `missing` if one is missing, else `filled`."""
        states = {field.state for field in self.fields}
        return next((state for state in ("faulty", "missing") if state in states), "filled")


def checklist(folder: ReleaseFolder, trust: Trust, words: Words) -> tuple[Row, ...]:
    """The rows of a release, with their values in a language.

    Args:
        folder: the release's files.
        trust: the partnership's keys, against which signatures are checked as of the day of the release.
        words: the language.
    """
    told = _Told(Telling(folder, words), trust)
    rows: dict[int, list[Field]] = {}
    for number, field in told.fields():
        rows.setdefault(number, []).append(field)
    return tuple(Row(number, tuple(fields)) for number, fields in sorted(rows.items()))


@dataclass(frozen=True)
class _Told:
    telling: Telling
    trust: Trust

    @property
    def folder(self) -> ReleaseFolder:
        return self.telling.folder

    @cached_property
    def evidence(self) -> Evidence:
        return Evidence(self.telling, self.trust)

    def fields(self) -> Iterator[tuple[int, Field]]:
        """All fields, each with the number of its row."""
        yield from self._what()
        yield from self._privacy()
        yield from self._care()
        yield from self._governance()

    def _released(self, key: str, *lines: str) -> Field:
        return Field(key, "release", tuple(line for line in lines if line))

    def _fixed(self, key: str, *lines: str) -> Field:
        return Field(key, "dpinsights", lines)

    def _signed(self, name: ApprovalField, key: str = "") -> Field:
        text = self.telling.approval_field(name)
        return Field(key or name, "lock", (text,) if text else ())

    def _what(self) -> Iterator[tuple[int, Field]]:
        telling, release = self.telling, self.folder.release
        yield 1, self._released("edition", telling.doc("edition"))
        yield 1, self._released("title", telling.title)
        yield 2, self._released("parties", telling.doc("parties"))
        yield 2, self._signed("data_owners")
        yield 2, self._released("audience", telling.doc("audience"))
        yield 2, self._signed("onward_sharing")
        yield 3, self._signed("purpose")
        yield 3, self._signed("legal_basis")
        yield 3, self._signed("impact_assessment")
        yield 3, self._signed("security_assessment")
        yield 3, self._signed("retention")
        yield 3, self._from_approval("expiry", lambda found: (str(found.until),))
        yield 4, self._released("origin", telling.words.text(f"origin_{release.origin}"))
        yield 4, self._released("period", telling.doc("period"))
        populations = dict.fromkeys(table.population for table in release.tables)
        yield 4, self._released("population", *(self._population(each) for each in populations))
        yield 4, Field("tables", "lock", telling.tables_read)
        yield 4, Field("columns", "lock", telling.columns)
        yield 4, Field("snapshot", "ledger", self._snapshot())
        yield 4, self._signed("output_class")
        yield 5, self._signed("linkage")
        yield 5, self._released("map", telling.words.text("account_map_none") if release.statement.snapshot_map == "none"
                                else release.statement.snapshot_map)  # fmt: skip

    def _population(self, name: str) -> str:
        if name in ("shared", "any"):
            return self.telling.say(f"population_{name}")
        party = self.telling.words.name(self.folder.release.parties.get(name), name)
        return self.telling.say("population_one", party=party)

    def _charge(self) -> dict[str, Any]:
        """The body of this release's charge, or nothing."""
        named = self.folder.release.release.removeprefix(f"{self.folder.release.report}-")
        receipt = self.evidence.receipt
        run = receipt.facts.run if isinstance(receipt, Receipt) else named
        bodies = (entry.data for entry in self.folder.entries if entry.type == "charged")
        return next((body for body in bodies if body["run"] == run), {})

    def _snapshot(self) -> tuple[str, ...]:
        charge, release = self._charge(), self.folder.release
        if not charge:
            return ()
        text = self.telling.say("snapshot", snapshot=charge["snapshot"], map=release.statement.snapshot_map)
        return (text,)

    def _privacy(self) -> Iterator[tuple[int, Field]]:
        telling = self.telling
        yield 6, self._released("unit", *telling.facts)
        yield 6, self._released("limits", *telling.limits)
        yield 7, self._released("losses", *telling.spending)
        amended = tuple(str(change) for change in self.folder.release.statement.amendments) or (
            telling.say("amendments_none"),
        )
        yield 7, self._released("amendments", *amended)
        yield 7, Field("refresh", "lock", self._refresh())
        yield 8, self._released("noise", *telling.mechanisms)
        yield 8, self._released("methods", *telling.statement("methods"))
        yield 9, self._fixed("unprotected", *telling.statement("unprotected"))
        yield 9, self._signed("unprotected", "own_unprotected")
        yield 9, self._signed("other_releases")

    def _refresh(self) -> tuple[str, ...]:
        """Whether the account's cap has a period, as the policy in the lock says."""
        lock = self.folder.lock
        policy = lock.data.get("policy") if lock else None
        if not policy:
            return ()
        account = policy["accounts"].get(self.folder.release.account, {})
        period = account.get("period")
        if not period:
            return (self.telling.say("refresh_never"),)
        return (self.telling.say(f"refresh_{period['every']}", epsilon=period["epsilon"]),)

    def _care(self) -> Iterator[tuple[int, Field]]:
        telling, release = self.telling, self.folder.release
        processing = telling.statement("processing")
        yield 10, self._fixed("declared", processing[0])
        yield 10, self._signed("preparation")
        yield 10, Field("explored", "ledger", (telling.explored,) if telling.explored else ())
        yield 11, self._released("processing", *processing[1:])
        yield 11, self._released("smallest_group", *self._smallest_groups())
        yield 12, self._signed("access")
        yield 12, self._fixed("side_channels", telling.say("side_channels"))
        asked = "model_explored" if release.account == EXPLORATION else "model_fixed"
        yield 13, self._fixed("model", *(telling.say(key) for key in ("model_central", "model_once", asked)))
        yield 13, self._signed("releases", "repetition")

    def _smallest_groups(self) -> Iterator[str]:
        """Below which noisy counts numbers are withheld."""
        tables = self.folder.release.tables
        sizes = {table.smallest_group for table in tables if table.smallest_group is not None}
        for size in sorted(sizes):
            yield self.telling.say("smallest_group", n=size)
        if not sizes:
            yield self.telling.say("smallest_none")

    def _governance(self) -> Iterator[tuple[int, Field]]:
        telling, lock = self.telling, self.folder.lock
        release = self.folder.release
        yield 14, self._released("versions", telling.versions)
        yield 14, Field("lock", "lock", (telling.say("lock_digest", digest=lock.digest),) if lock else ())
        templates = (telling.say("templates_in_lock", n=len(lock.data["templates"])),) if lock else ()
        yield 14, Field("templates", "lock", templates)
        yield 15, Field("author", "lock", (lock.author,) if lock else ())
        yield (
            15,
            self._from_approval(
                "signatures", lambda found: tuple(self._signature(one) for one in found.approvals)
            ),
        )
        yield (
            15,
            self._from_approval(
                "terms", lambda found: (telling.say("terms", max_runs=found.max_runs, until=found.until),)
            ),
        )
        yield 15, self._raises()
        yield 16, self._from_receipt("receipt", self._receipt_line)
        yield 16, self._from_receipt("position", lambda found: telling.say("receipt_position", seq=found.facts.seq, hash=found.facts.hash))  # fmt: skip
        yield (
            16,
            self._from_receipt("digests", lambda found: telling.say("receipt_digests", n=len(found.files))),
        )
        yield 16, self._fixed("command", telling.say("command", release=release.release))
        yield 17, self._released("plain", telling.statement_line)
        yield 17, self._fixed("no_conclusion", telling.words.text("unprotected_7"))
        yield 17, self._signed("contact")

    def _raises(self) -> Field:
        if not self.folder.entries:
            return Field("raises", "ledger", ())
        faults = self.evidence.unsigned_raises
        return Field(
            "raises", "ledger", () if faults else (self.telling.say("raises_signed"),), "\n".join(faults)
        )

    def _from_approval(self, key: str, lines: Callable[[Approved], tuple[str, ...]]) -> Field:
        found = self.evidence.approval
        if isinstance(found, Approved):
            return Field(key, "approvals", lines(found))
        return Field(key, "approvals", (), "" if found is None else str(found))

    def _from_receipt(self, key: str, line: Callable[[Receipt], str]) -> Field:
        found = self.evidence.receipt
        if isinstance(found, Receipt):
            return Field(key, "receipt", (line(found),))
        return Field(key, "receipt", (), "" if found is None else str(found))

    def _receipt_line(self, found: Receipt) -> str:
        return self.telling.say(
            "receipt_signed", release=found.facts.release, day=found.facts.released_on, owner=found.signed_by, signer=found.key_id
        )  # fmt: skip

    def _signature(self, one: Approval) -> str:
        terms, telling = one.terms, self.telling
        party = telling.words.name(self.folder.release.parties.get(one.party or ""), one.party or "")
        line = telling.say(
            "signature_of" if party else "signature",
            owner=one.owner,
            party=party,
            role=telling.say(f"role_{terms.role}"),
            signed_on=terms.signed_on,
            until=terms.until,
            max_runs=terms.max_runs,
        )
        return telling.say("signature_comment", line=line, comment=terms.comment) if terms.comment else line
