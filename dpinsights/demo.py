"""The demo: a made-up population, its own ledger, and the partner report over it, signed by the demo's persons."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from dpinsights.budget import clock, open_budget
from dpinsights.definitions.loading import load_checked, load_policy
from dpinsights.demo_signing import sign_all
from dpinsights.errors import DpInsightsError
from dpinsights.packaged import partnerships
from dpinsights.pipeline import Released, Stage, data_of, run_report
from dpinsights.state import State
from dpinsights.synthetic import generate

PARTNERSHIP = "gongyin-xiaobai"
REPORT = "partner-quarterly"
SEED = 20171231


@dataclass(frozen=True)
class Demo:
    """What the demo made: the folder with definitions, keys, data and state, and the release."""

    folder: Path
    definitions: Path
    sources: Path
    state: State
    released: Released

    @property
    def trust(self) -> Path:
        """Whose keys count."""
        return self.definitions / "trust.yaml"

    @property
    def key(self) -> Path:
        """The operator's key."""
        return self.folder / "keys" / "operator.pem"

    @property
    def passphrase(self) -> Path:
        """The file with its passphrase."""
        return self.folder / "keys" / "passphrase"


def run_demo(folder: Path, *, scale: int = 1, stage: Stage = lambda _: None) -> Demo:
    """Makes a new folder with everything in it: definitions, a population, a ledger, and the partner report.

    Args:
        folder: must not exist, or be empty.
        scale: divides the population, for quick looks.
        stage: told each stage as it begins.

    Raises:
        DpInsightsError: if the folder holds something.
    """
    if folder.exists() and any(folder.iterdir()):
        raise DpInsightsError(f"{folder} holds something already: name a new folder for the demo")
    definitions = folder / PARTNERSHIP
    shutil.copytree(partnerships() / PARTNERSHIP, definitions)
    operator = sign_all(definitions / f"{REPORT}.yaml", folder / "keys", clock().date())
    stage("generate")
    sizes = {"icbc": 200_000 // scale, "jd": 120_000 // scale, "shared": 72_000 // scale}
    made = generate(definitions / "population.yaml", folder / "data", sizes=sizes, seed=SEED)
    state = State(folder / "state")
    checked = load_checked(definitions / "contract.yaml")
    policy = load_policy(definitions / "policy.yaml", checked.contract)
    ledger = open_budget(policy, checked.contract, state)
    try:
        released = run_report(
            definitions / f"{REPORT}.yaml",
            ledger=ledger,
            data=lambda contract: data_of(made.sources, contract, state.work),
            releases=state.releases,
            signer=operator,
            stage=stage,
        )
    finally:
        ledger.close()
    return Demo(folder, definitions, made.sources, state, released)
