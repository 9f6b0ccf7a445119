"""Lock, approve, diff and keys, as people use them: on the command line."""

from __future__ import annotations

import io
import re
import stat
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dpinsights.approving import author_of, read_lock, sign_lock, trust_beside
from dpinsights.cli import main
from dpinsights.governance.approvals.approval import Terms
from dpinsights.governance.approvals.errors import (
    ApprovalError,
    LockError,
    SelfApprovalError,
    UnknownKeyError,
    WrongRoleError,
)
from dpinsights.governance.approvals.keys import FileSigner
from dpinsights.permitting import check_approved
from tests.governance.approvals.house import (
    AUTHOR,
    DAY,
    copy,
    lock_from,
    private_key,
    signer,
    terms,
    trust,
    trust_text,
)

REPORT = "partner-quarterly.yaml"
LOCK = "partner-quarterly.lock.json"


@dataclass(frozen=True)
class Said:
    """What a command said, and what it returned."""

    returncode: int
    stdout: str
    stderr: str


def cli(folder: Path, *words: str, passphrase: str = "the words") -> Said:
    """Runs the command line's own `main`; the passphrase comes from a file, since nobody is there to be asked."""
    file = folder / ".words"
    file.write_text(passphrase + "\n")
    file.chmod(0o600)
    stdout, stderr = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(stdout), redirect_stderr(stderr):
        patch.setenv("DPINSIGHTS_PASSPHRASE_FILE", str(file))
        patch.setattr(sys, "argv", ["dpinsights", *words])
        patch.chdir(folder)
        with pytest.raises(SystemExit) as left:
            main()
    return Said(int(left.value.code or 0), stdout.getvalue(), stderr.getvalue())


def test_the_whole_way_on_the_command_line(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    persons = {
        "author": ("Wang Fang", "icbc"),
        "owner": ("Li Na", "icbc"),
        "owner2": ("Zhao Min", "jd"),
        "compliance": ("Chen Jie", "jd"),
    }
    lines = ["trust: gongyin-xiaobai", "version: 1", "keys:"]
    today = datetime.now(UTC).date()
    for role, (name, party) in persons.items():
        made = cli(folder, "keys", "generate", f"{role}.pem")
        assert made.returncode == 0, made.stderr
        assert stat.S_IMODE((folder / f"{role}.pem").stat().st_mode) == 0o600
        assert re.fullmatch(r"id: [0-9a-f]{64}\npublic_key: \S{44}\n", made.stdout)
        identity, public = made.stdout.splitlines()
        lines += [f"  - {identity}", f"    {public}", f"    owner: {name}", f"    party: {party}"]
        lines += [
            f"    roles: [{role.rstrip('2')}]",
            f"    from: {today}",
            f"    until: {today + timedelta(days=400)}",
        ]
    lines.append("threshold: {owner: {each_party: 1}, compliance: {in_all: 1}}")
    (folder / "trust.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")

    locked = cli(folder, "lock", REPORT)
    assert locked.returncode == 0, locked.stderr
    assert "by Wang Fang, for jd, charged to jd" in locked.stdout and "(epsilon 1.000000)" in locked.stdout
    content = (folder / LOCK).read_bytes()
    assert cli(folder, "lock", REPORT).returncode == 0 and (folder / LOCK).read_bytes() == content

    for role in ("owner", "owner2", "compliance"):
        words = ("approve", LOCK, "--key", f"{role}.pem", "--role", role.rstrip("2"), "--comment", "fine")
        said = cli(folder, *words)
        assert said.returncode == 0, said.stderr
        assert read_lock(folder / LOCK).digest in said.stdout and "spend_by_category" in said.stdout
    found = check_approved(lock_from(folder), folder / REPORT, datetime.now(UTC).date()).approved
    assert {one.owner for one in found.approvals} == {"Li Na", "Zhao Min", "Chen Jie"}
    assert (found.max_runs, {one.terms.comment for one in found.approvals}) == (1, {"fine"})

    own = cli(folder, "approve", LOCK, "--key", "author.pem", "--role", "compliance")
    assert own.returncode == 8 and "Wang Fang" in own.stderr
    text = (folder / REPORT).read_text(encoding="utf-8")
    (folder / "next.yaml").write_text(text.replace("margin: 500", "margin: 400"), encoding="utf-8")
    for old in (REPORT, LOCK):
        changed = cli(folder, "diff", old, "next.yaml")
        assert changed.returncode == 0, changed.stderr
        assert "margins: shared_by_province: margin was 500, is 400" in changed.stdout
        assert "(epsilon 0.021294) before" in changed.stdout and "author" not in changed.stdout
    assert cli(folder, "diff", LOCK, REPORT).stdout == "they are the same\n"


def test_what_is_refused_on_the_command_line(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    nobody = cli(folder, "lock", REPORT)
    assert nobody.returncode == 8 and "--author" in nobody.stderr and not (folder / LOCK).exists()
    assert cli(folder, "lock", REPORT, "--author", AUTHOR).returncode == 0
    empty = cli(folder, "keys", "generate", "k.pem", passphrase="")
    assert empty.returncode == 8 and "passphrase" in empty.stderr and not (folder / "k.pem").exists()
    FileSigner.generate(folder / "k.pem", b"the words")
    wrong = cli(folder, "approve", LOCK, "--key", "k.pem", "--role", "owner", passphrase="canary")
    assert wrong.returncode == 8 and "passphrase is wrong" in wrong.stderr and "canary" not in wrong.stderr
    role = cli(folder, "approve", LOCK, "--key", "k.pem", "--role", "boss")
    assert role.returncode == 2 and "compliance" in role.stderr
    (folder / "k.pem").chmod(0o644)
    shared = cli(folder, "approve", LOCK, "--key", "k.pem", "--role", "owner")
    assert shared.returncode == 8 and "0644" in shared.stderr
    assert not (folder / "approvals").exists()
    for made in (nobody, wrong, shared):
        assert "Traceback" not in made.stderr and "fault of its own" not in made.stderr
    assert "--passphrase" not in cli(folder, "approve", "--help").stdout


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A locked report with a trust file."""
    folder = copy(tmp_path)
    (folder / "trust.yaml").write_text(trust_text(), encoding="utf-8")
    (folder / LOCK).write_bytes(lock_from(folder).content)
    return folder


def test_a_signature_that_would_not_count_is_not_made(house: Path) -> None:
    seen = read_lock(house / LOCK).digest
    for who, role, error in (
        (signer("Li Na"), "compliance", WrongRoleError),
        (signer(AUTHOR), "compliance", SelfApprovalError),
        (FileSigner(private_key("nobody")), "owner", UnknownKeyError),
    ):
        with pytest.raises(error):
            sign_lock(house / LOCK, who, terms(role), seen)  # type: ignore[arg-type]
    with pytest.raises(LockError, match="changed while it was shown"):
        sign_lock(house / LOCK, signer("Li Na"), terms("owner"), "0" * 64)
    assert not (house / "approvals").exists()
    file = sign_lock(house / LOCK, signer("Li Na"), terms("owner"), seen)
    assert file == house / "approvals" / seen / f"{signer('Li Na').key_id}.dsse.json"


def test_a_new_approval_of_a_key_takes_the_place_of_the_old(house: Path) -> None:
    seen = read_lock(house / LOCK).digest
    for name, role in (("Li Na", "owner"), ("Zhao Min", "owner"), ("Chen Jie", "compliance")):
        for runs in (1, 5):
            sign_lock(house / LOCK, signer(name), Terms(role, DAY, DAY + timedelta(days=9), runs), seen)  # type: ignore[arg-type]
    found = check_approved(lock_from(house), house / REPORT, DAY).approved
    assert found.max_runs == 5 and len(found.approvals) == 3 and not found.set_aside


def test_who_the_author_is(house: Path) -> None:
    known = trust_beside(house / REPORT)
    assert known == trust()
    assert author_of(house / REPORT, None, known) == AUTHOR  # as the last lock says
    (house / LOCK).unlink()
    assert author_of(house / REPORT, None, known) == AUTHOR  # the only one
    assert author_of(house / REPORT, "Somebody", None) == "Somebody"
    with pytest.raises(ApprovalError, match="those who have: Wang Fang"):
        author_of(house / REPORT, "wang fang", known)
    with pytest.raises(ApprovalError, match="--author"):
        author_of(house / REPORT, None, trust(Sun_Wei={"roles": ("author",)}))
    (house / "trust.yaml").unlink()
    assert trust_beside(house / REPORT) is None
