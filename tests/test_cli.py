"""The command line, as those who produce reports use it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dpinsights.demo import Demo, run_demo

COMMAND = [sys.executable, "-c", "from dpinsights.cli import main; main()"]


def cli(*words: str | Path, state: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs the real command line in a process of its own."""
    environment = {k: v for k, v in os.environ.items() if k != "DPINSIGHTS_STATE"} | {"COLUMNS": "200"}
    if state is not None:
        environment["DPINSIGHTS_STATE"] = str(state)
    return subprocess.run([*COMMAND, *map(str, words)], capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return run_demo(tmp_path_factory.mktemp("cli") / "demo", scale=50)


def test_demo_makes_a_report_and_says_what_it_cost(tmp_path: Path) -> None:
    made = cli("demo", tmp_path / "new", "--scale", "50")
    assert made.returncode == 0, made.stderr
    report = re.search(r"Report: (\S+)", made.stdout)
    assert report and Path(report[1]).is_file()
    assert "Charged for new noise: epsilon 1.000000" in made.stdout
    stages = [line for line in made.stderr.splitlines() if line.endswith("...")]
    assert len(stages) == 9 and not re.search(r"\d", "".join(stages))
    again = cli("demo", tmp_path / "new")
    assert again.returncode == 1 and "name a new folder" in again.stderr


def test_check_and_plan_read_no_data(demo: Demo) -> None:
    checked = cli("check", demo.definitions)
    assert checked.returncode == 0 and "sound" in checked.stdout, checked.stderr
    planned = cli("plan", demo.definitions / "channel-moves.yaml")
    assert planned.returncode == 0, planned.stderr
    assert "Nothing was read and nothing spent" in planned.stdout


def test_run_charges_once_and_again_for_free(demo: Demo) -> None:
    report = demo.definitions / "channel-moves.yaml"
    first = cli("run", report, "--rehearsal", "--sources", demo.sources, state=demo.state.folder)
    assert first.returncode == 0, first.stderr
    spent = cli("budget", state=demo.state.folder).stdout
    again = cli("run", report, "--rehearsal", "--sources", demo.sources, "--state", demo.state.folder)
    assert "Charged for new noise: epsilon 0 " in again.stdout, again.stderr
    assert cli("budget", state=demo.state.folder).stdout == spent
    assert "icbc: ε 1.00 spent of 4.00" in spent
    assert all(line.endswith("of ρ)") for line in spent.splitlines() if "spent of" in line)


def test_a_report_over_budget_charges_nothing(tmp_path: Path, demo: Demo) -> None:
    text = (demo.definitions / "partner-quarterly.yaml").read_text(encoding="utf-8")
    big = demo.definitions / "too-much.yaml"
    big.write_text(
        text.replace("report: partner-quarterly", "report: too-much").replace("epsilon: 1.0", "epsilon: 1.9"),
        encoding="utf-8",
    )
    state = tmp_path / "state"
    shutil.copytree(demo.state.folder, state)
    cli("budget", "amend", "jd", "2", state=state)
    before = cli("budget", state=state).stdout
    refused = cli("run", big, "--rehearsal", "--sources", demo.sources, state=state)
    big.unlink()
    assert refused.returncode == 3, refused.stderr
    for word in ("jd", "requested", "remain", "propose"):
        assert word in refused.stderr.lower()
    assert "Traceback" not in refused.stderr
    assert cli("budget", state=state).stdout == before


def test_opening_amending_and_naming(tmp_path: Path, demo: Demo) -> None:
    state = tmp_path / "state"
    opened = cli("budget", "open", demo.definitions / "policy.yaml", state=state)
    assert opened.returncode == 0 and "6f0c2a9be41d4f7a" in opened.stdout, opened.stderr
    assert cli("budget", "open", demo.definitions / "policy.yaml", state=state).returncode == 4
    amended = cli("budget", "amend", "jd", "3", state=state)
    assert "is epsilon 3" in amended.stdout, amended.stderr
    assert "amended" in cli("budget", state=state).stdout
    assert cli("budget", "amend", "nobody", "5", state=state).returncode == 4
    assert "2017-q4" in cli("snapshots", state=demo.state.folder).stdout
    assert "2017-q4" not in cli("snapshots", state=state).stdout


def test_a_cap_is_raised_by_those_who_sign(
    tmp_path: Path, demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DPINSIGHTS_PASSPHRASE_FILE", str(demo.passphrase))
    state, file, trust = tmp_path / "state", tmp_path / "amendment.json", ("--trust", demo.trust)
    cli("budget", "open", demo.definitions / "policy.yaml", state=state)
    alone = cli("budget", "amend", "jd", "5", state=state)
    assert alone.returncode == 4 and "dpinsights budget propose jd 5" in alone.stderr
    about = ("--reason", "two more quarters", "--author", "demo author", "--out", file)
    proposed = cli("budget", "propose", "jd", "5", *about, state=state)
    assert "from epsilon 4 to epsilon 5" in proposed.stdout, proposed.stderr
    for person in ("owner-icbc", "owner-jd"):
        words = ("--key", demo.folder / "keys" / f"{person}.pem", "--role", "owner")
        said = cli("approve", file, *words)
        assert said.returncode == 0 and "two more quarters" in said.stdout, said.stderr
    few = cli("budget", "amend", file, *trust, state=state)
    assert few.returncode == 8 and "compliance (0 of 1)" in few.stderr
    cli("approve", file, "--key", demo.folder / "keys" / "compliance.pem", "--role", "compliance")
    done = cli("budget", "amend", file, *trust, state=state)
    assert "is epsilon 5, signed by demo compliance, demo owner-icbc, demo owner-jd" in _sorted(
        done.stdout
    ), done.stderr
    assert cli("budget", "amend", file, *trust, state=state).returncode == 8
    assert "jd 4 -> 5, signed by 3 persons" in cli("budget", state=state).stdout
    nothing = cli("budget", "amend", tmp_path / "nothing.json", state=state)
    assert nothing.returncode == 2 and "nothing.json" in nothing.stderr


def _sorted(line: str) -> str:
    """The names at its end in the order of the alphabet; signatures are counted in the order of key ids."""
    before, _, names = line.rstrip().rpartition("signed by ")
    return f"{before}signed by {', '.join(sorted(names.split(', ')))}"


def test_no_state_directory_is_no_fresh_budget(demo: Demo) -> None:
    refused = cli("run", demo.definitions / "channel-moves.yaml", "--sources", demo.sources)
    assert refused.returncode == 4 and "--state" in refused.stderr
    empty = cli(
        "run",
        demo.definitions / "channel-moves.yaml",
        "--sources",
        demo.sources,
        state=demo.folder / "nothing",
    )
    assert empty.returncode == 4 and "budget open" in empty.stderr


def test_a_bad_definition_names_file_line_and_nearest_name(demo: Demo) -> None:
    text = (demo.definitions / "channel-moves.yaml").read_text(encoding="utf-8")
    bad = demo.definitions / "bad.yaml"
    bad.write_text(text.replace("audience: icbc", "audiense: icbc"), encoding="utf-8")
    refused = cli("plan", bad)
    bad.unlink()
    assert refused.returncode == 2
    assert re.search(r"bad\.yaml:\d+:\d+: .*audiense.*try: audience", refused.stderr), refused.stderr


def test_init_proposes_types_and_leaves_keys_and_bounds_to_the_parties(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["1"], "tier": ["x"], "balance": [1.5]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"id": ["1"], "amount": [2]}), tmp_path / "b.parquet")
    made = cli(
        *("init", tmp_path / "new", "--party", "bank", "--party", "shop"),
        *(
            "--table",
            f"bank.people={tmp_path / 'a.parquet'}",
            "--table",
            f"shop.orders={tmp_path / 'b.parquet'}",
        ),
    )
    assert made.returncode == 0, made.stderr
    contract = (tmp_path / "new" / "contract.yaml").read_text(encoding="utf-8")
    assert "tier" in contract and "amount" in contract
    checked = cli("check", tmp_path / "new")
    assert checked.returncode == 2 and "contract.yaml:" in checked.stderr


def test_schemas_are_written_for_editors(tmp_path: Path) -> None:
    made = cli("schemas", tmp_path / "schemas")
    assert made.returncode == 0, made.stderr
    assert len(list((tmp_path / "schemas").glob("*.json"))) == 6
