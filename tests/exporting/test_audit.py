"""The audit pack: what lies in it, that it is the same each time, and that its pages are safe to open."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dpinsights.cli import app
from dpinsights.errors import LedgerError, ReportError
from dpinsights.exporting.audit import audit_pack
from dpinsights.exporting.folder import ReleaseFolder, read_folder
from dpinsights.governance.chain import link
from dpinsights.governance.extract import read_extract
from dpinsights.model.names import FrozenMap
from dpinsights.reporting.data import release_json
from tests.exporting import house
from tests.governance.approvals.house import signed, trust_text
from tests.reporting.parsing import parse

TRUST_FILE = b"trust: gongyin-xiaobai\n"


def folder_of(path: Path, **changes: object) -> ReleaseFolder:
    return read_folder(house.write(path, house.files(**changes)))  # type: ignore[arg-type]


def pack_of(*folders: ReleaseFolder) -> dict[str, bytes]:
    return dict(audit_pack(folders, house.trust(), TRUST_FILE))


def second(path: Path) -> ReleaseFolder:
    """A release of the same ledger, one charge further."""
    entries = house.chain()
    longer = (*entries, *house.chain(run="fedcba9876543210-1")[2:])
    relinked = list(entries)
    for entry in longer[len(entries) :]:
        relinked.append(link(relinked[-1], entry.type, entry.data))
    released = replace(house.release(), release="partner-quarterly-fedcba9876543210-1")
    return folder_of(path, released=released, entries=relinked)


def test_a_pack_holds_the_evidence_and_its_digests(tmp_path: Path) -> None:
    pack = pack_of(folder_of(tmp_path / "a"))
    name = f"partner-quarterly-{house.RUN}"
    assert set(pack) == {
        "checklist.en.csv", "checklist.en.html", "checklist.zh.csv", "checklist.zh.html", "ledger.csv", "ledger.jsonl",
        "manifest.json", "trust.yaml", f"{name}/report.lock.json", f"{name}/receipt.dsse.json",
        *(f"{name}/{number}.dsse.json" for number in range(3)),
    }  # fmt: skip
    listed = json.loads(pack["manifest.json"])["sha256"]
    assert listed == {
        name: hashlib.sha256(content).hexdigest() for name, content in pack.items() if name != "manifest.json"
    }
    held = house.files()
    assert pack[f"{name}/receipt.dsse.json"] == held["receipt.dsse.json"]
    assert pack["ledger.jsonl"] == held["ledger.jsonl"]


def test_the_same_releases_in_any_order_make_the_same_bytes(tmp_path: Path) -> None:
    one, two = folder_of(tmp_path / "a"), second(tmp_path / "b")
    pack = pack_of(one, two)
    assert list(pack.items()) == list(pack_of(two, one).items())
    assert len(read_extract(pack["ledger.jsonl"])) == len(two.entries) > len(one.entries)
    assert len(list(csv.reader(io.StringIO(pack["ledger.csv"].decode())))) == len(two.entries) + 1


def test_no_released_number_is_in_a_pack(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "a")
    table = next(table for table in folder.release.tables if table.measure == "sum")
    exact = [f"{cell.estimate.value:f}" for cell in table.cells if cell.estimate.value]
    text = b"\n".join(pack_of(folder).values()).decode()
    assert exact and not any(number in text for number in exact)


def test_the_ledger_as_a_table_adds_up(tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(pack_of(folder_of(tmp_path / "a"))["ledger.csv"].decode())))
    charged = next(row for row in rows if row["type"] == "charged")
    assert charged["rho_units"] == charged["lifetime_rho_units"] == "7000000000"
    assert (charged["account"], charged["report"], charged["day"]) == (
        "jd",
        "partner-quarterly",
        "2018-01-15",
    )
    assert [row["seq"] for row in rows] == [str(seq) for seq in range(1, len(rows) + 1)]


def test_a_forked_ledger_is_refused_with_its_entry(tmp_path: Path) -> None:
    forked = replace(house.release(), release="partner-quarterly-forked")
    other = folder_of(tmp_path / "b", released=forked, entries=house.chain(explored=5))
    with pytest.raises(LedgerError, match="differ from entry 3 on"):
        pack_of(folder_of(tmp_path / "a"), other)


def test_releases_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    one = folder_of(tmp_path / "a")
    with pytest.raises(ReportError, match="at least one"):
        pack_of()
    with pytest.raises(ReportError, match="given twice"):
        pack_of(one, one)
    released = replace(house.release(), release="x-1", partnership="0" * 16)
    with pytest.raises(ReportError, match="several partnerships"):
        pack_of(one, folder_of(tmp_path / "b", released=released))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_is_self_contained_and_well_formed(language: str, tmp_path: Path) -> None:
    page = pack_of(folder_of(tmp_path / "a"), second(tmp_path / "b"))[f"checklist.{language}.html"].decode()
    tree = parse(page)
    assert "default-src 'none'" in page and not re.search(r"<script|https?://|url\(|@import|<link|<img", page)
    assert len(list(tree.all("tbody"))) == 2 * 17
    (style,) = tree.all("style")
    digest = hashlib.sha256(style.text().encode()).digest()
    assert f"'sha256-{base64.b64encode(digest).decode()}'" in page


def test_what_people_wrote_can_neither_run_nor_hide(tmp_path: Path) -> None:
    comment = "=HYPERLINK(\"x\") <script>alert(1)</script> & 'y'"
    approvals = [
        signed("Li Na", "owner", house.lock(), comment=comment),
        signed("Zhao Min", "owner", house.lock()),
        signed("Chen Jie", "compliance", house.lock()),
    ]
    title = FrozenMap({"en": "</title><script>x</script>", "zh": "=1+1"})
    folder = folder_of(tmp_path / "a", released=replace(house.release(), title=title), approvals=approvals)
    pack = pack_of(folder)
    for language in ("en", "zh"):
        assert "<script" not in pack[f"checklist.{language}.html"].decode()
        for row in csv.reader(io.StringIO(pack[f"checklist.{language}.csv"].decode())):
            assert not any(cell.startswith(("=", "+", "@")) for cell in row)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in pack["checklist.en.html"].decode()


def test_marks_stand_over_the_page(tmp_path: Path) -> None:
    released = replace(house.release(), origin="synthetic", approved=False)
    page = pack_of(folder_of(tmp_path / "a", released=released))["checklist.zh.html"].decode()
    tree = parse(page)
    places = [element.text() for element in tree.all("aside")]
    assert len(places) == 2 and all("虚构人群数据" in text and "未经批准" in text for text in places)


def test_the_commands(tmp_path: Path) -> None:
    folder = house.write(tmp_path / "release", house.files())
    trust = tmp_path / "trust.yaml"
    trust.write_text(trust_text(), encoding="utf-8")
    runner, out = CliRunner(), str(tmp_path / "pack")
    made = runner.invoke(
        app, ["export", "audit", str(folder), "--trust", str(trust), "--out", out, "--language", "zh"]
    )
    assert made.exit_code == 0, made.output
    assert (tmp_path / "pack" / "checklist.zh.html").exists()
    assert not (tmp_path / "pack" / "checklist.en.html").exists()
    assert (tmp_path / "pack" / "trust.yaml").read_bytes() == trust.read_bytes()
    again = runner.invoke(app, ["export", "audit", str(folder), "--trust", str(trust), "--out", out])
    assert isinstance(again.exception, ReportError) and "something else" in str(again.exception)
    printed = runner.invoke(app, ["export", "registry", str(folder)])
    file = tmp_path / "record.yaml"
    written = runner.invoke(app, ["export", "registry", str(folder), "--out", str(file)])
    assert written.exit_code == printed.exit_code == 0
    assert file.read_text(encoding="utf-8") == printed.output
    assert runner.invoke(app, ["export", "registry", str(folder), "--out", str(file)]).exit_code == 0
    file.write_text("mine", encoding="utf-8")
    refused = runner.invoke(app, ["export", "registry", str(folder), "--out", str(file)])
    assert isinstance(refused.exception, ReportError) and file.read_text(encoding="utf-8") == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "pack",
        "record.yaml",
        "release",
        "trust.yaml",
    ]


def test_what_was_explored_can_be_audited(tmp_path: Path) -> None:
    released = replace(house.release(), audience="exploration", account="exploration", approved=False)
    folder = read_folder(house.write(tmp_path / "a", {"release.json": release_json(released).encode()}))
    rows = list(csv.DictReader(io.StringIO(pack_of(folder)["checklist.en.csv"].decode())))
    model = next(row for row in rows if row["Part"] == "Model")
    assert "Interactive: an analyst chose the questions" in model["Value"]


@pytest.mark.slow
def test_a_real_run_fills_the_checklist(tmp_path: Path) -> None:
    demo = tmp_path / "demo"
    runner = CliRunner()
    assert runner.invoke(app, ["demo", str(demo), "--scale", "100"]).exit_code == 0
    (release,) = (demo / "state" / "releases").iterdir()
    trust = demo / "gongyin-xiaobai" / "trust.yaml"
    made = runner.invoke(
        app, ["export", "audit", str(release), "--trust", str(trust), "--out", str(tmp_path / "pack")]
    )
    assert made.exit_code == 0, made.output
    text = (tmp_path / "pack" / "checklist.en.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["State"] for row in rows if row["Comes from"] != "report.lock.json"} == {"filled"}
    assert {row["State"] for row in rows} <= {"filled", "missing"}
