"""All checks of a release in order, and the list that they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from dpinsights.errors import ReportError
from dpinsights.governance.approvals.receipt import FILE as RECEIPT
from dpinsights.governance.approvals.receipt import Receipt, read_receipt
from dpinsights.model.trust import Trust
from dpinsights.verification import allowance, books, pages, permission, receipts, spending, tables
from dpinsights.verification.evidence import Evidence
from dpinsights.verification.findings import Finding, failed
from dpinsights.verification.folder import read_folder
from dpinsights.verification.phrases import VERDICTS

Check = Callable[[Evidence], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    receipts.signature,
    receipts.files,
    receipts.facts,
    permission.permission,
    books.chain,
    books.earlier,
    books.run,
    books.caps,
    allowance.policy,
    allowance.permits,
    spending.losses,
    spending.spending,
    pages.pages,
    tables.tables,
    pages.others,
)
"""Each looks for itself, so that one fault never hides another."""

EXIT_CODE = 9
"""What the command line returns where a check failed."""


def verify(folder: Path, trust: Trust, earlier: Receipt | None = None) -> tuple[Finding, ...]:
    """Whether a release is what was signed, and its numbers and sums are what its files say.

    Args:
        folder: the release's, as it was received; nothing outside of it is read.
        trust: the checker's own copy of the partnership's trust file.
        earlier: the receipt of a release that was received before, from `read_receipt`.

    Returns:
        What each check found, in order; `all(one.ok for one in ...)` is the verdict.

    Raises:
        ReportError: if there is no such folder.
    """
    evidence = Evidence(read_folder(folder), trust, earlier)
    return tuple(finding for check in CHECKS for finding in _found(check, evidence))


def _found(check: Check, evidence: Evidence) -> Iterator[Finding]:
    try:
        yield from check(evidence)
    except Exception:
        # What an attacker wrote by hand may lack anything; that is a refusal, never a fault that ends all checks.
        yield failed("unchecked", place=check.__name__)


def earlier_receipt(path: Path, trust: Trust) -> Receipt:
    """The receipt of an earlier release: its file, or the release's folder.

    Raises:
        ApprovalError: if it doesn't count.
        ReportError: if there is no such file.
    """
    file = path / RECEIPT if path.is_dir() else path
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ReportError(f"{file} can't be read ({error.strerror}): name an earlier receipt") from None
    return read_receipt(content, trust, file.name)


def listed(findings: Sequence[Finding], language: str = "en") -> Iterable[str]:
    """The findings as lines, and the verdict as the last."""
    words = VERDICTS[language]
    for one in findings:
        where = ": ".join(part for part in (one.file, one.place) if part)
        yield f"{words['passed'] if one.ok else words['failed']}  {where}{': ' if where else ''}{one.say(language)}"
    wrong = sum(not one.ok for one in findings)
    yield words["not" if wrong else "ok"].format(count=len(findings), failed=wrong)
