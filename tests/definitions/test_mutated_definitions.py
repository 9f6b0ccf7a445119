"""Good definitions, damaged at random: they still load, or they are refused with places; nothing else happens."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from dpinsights.definitions.loading import load_checked, load_policy, load_report, load_sources
from dpinsights.errors import DefinitionError

GOOD = Path(__file__).parent / "good"
CHECKED = load_checked(GOOD / "contract.yaml")
TOKEN = re.compile(r"[\w.]+|'[^']*'|[^\w\s]|\s+")
ODD = [
    "null",
    "true",
    "1e400",
    "-1",
    "''",
    "{}",
    "[]",
    "9" * 50,
    "%",
    "'",
    '"',
    ":",
    "*",
    "(",
    ")",
    "not",
    "is",
    "case",
]
ODD += [
    "when",
    "end",
    "date",
    "/",
    "\\",
    "\u202e",
    "\x00",
    "@",
    "customers",
    "at",
    "recode",
    "cut",
    "--",
    "&a",
    "!t",
]
LOADERS: dict[str, Callable[[Path], object]] = {
    "contract": load_checked,
    "partner-quarterly": lambda path: load_report(path, CHECKED),
    "policy": lambda path: load_policy(path, CHECKED.contract),
    "sources": lambda path: load_sources(path, CHECKED.contract),
}


@pytest.mark.parametrize("seed", range(300))
def test_damaged(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    name = chance.choice(sorted(LOADERS))
    tokens = TOKEN.findall((GOOD / f"{name}.yaml").read_text("utf-8"))
    words = [*tokens, *ODD]
    for _ in range(chance.choice([1, 1, 2, 4])):
        place = chance.randrange(len(tokens))
        match chance.randrange(4):
            case 0:
                del tokens[place]
            case 1:
                tokens.insert(place, chance.choice(words))
            case 2:
                tokens[place] = chance.choice(words)
            case 3:
                tokens[place:place] = tokens[place : place + chance.randrange(12)]
    path = tmp_path / f"{name}.yaml"
    path.write_text("".join(tokens), "utf-8")
    try:
        LOADERS[name](path)
    except DefinitionError as error:
        assert all(
            problem.line > 0 and problem.message and problem.code != "bad-value" for problem in error.problems
        )
