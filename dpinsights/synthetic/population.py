"""The declaration of a population: who there is, what their rows look like, what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from dpinsights.synthetic.draws import AnyDraw, Bernoulli, Part, PoissonLognormal, Share
from dpinsights.synthetic.errors import PopulationError
from dpinsights.synthetic.values import SEGMENT

TABLE = r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$"


class SharedPart(Part):
    """The share of one party's customers whom the other party has too."""

    of: str
    share: float = Field(gt=0, lt=1)


class People(Part):
    """How many customers each party has unless `generate` is told otherwise."""

    sizes: dict[str, int] = Field(min_length=2, max_length=2)
    shared: SharedPart


class RowCounts(Part):
    """How many rows each member has."""

    poisson_lognormal: PoissonLognormal


class TableSpec(Part):
    """A table: one row for each member, a drawn number of rows, or a row for `each` key that a member has."""

    rows: Literal["one"] | RowCounts | None = None
    each: dict[str, dict[str, Bernoulli]] | None = Field(None, min_length=1, max_length=1)
    customer: str = "customer_id"
    columns: dict[str, AnyDraw]

    @model_validator(mode="after")
    def _one_kind(self) -> TableSpec:
        if (self.rows is None) == (self.each is None):
            raise ValueError("give exactly one of rows and each")
        return self


class Defects(Part):
    """What real extracts have wrong with them, as shares of a table's rows; columns by name."""

    null_ids: Share = 0.0
    padded_ids: Share = 0.0
    wide_ids: Share = 0.0  # in full-width characters
    duplicates: Share = 0.0
    unknown_categories: dict[str, Share] = Field(default_factory=dict)
    not_a_number: dict[str, Share] = Field(default_factory=dict)
    negative: dict[str, Share] = Field(default_factory=dict)
    dates_as_text: tuple[str, ...] = ()


class Population(Part):
    """A whole population.yaml."""

    population: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    snapshot: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    basis: str = Field(min_length=1, description="where the distributions come from")
    people: People
    traits: dict[str, AnyDraw] = Field(default_factory=dict)
    tables: dict[str, TableSpec] = Field(min_length=1)
    defects: dict[str, Defects] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names(self) -> Population:
        parties = tuple(self.people.sizes)
        if self.people.shared.of not in parties:
            raise ValueError(
                f"people.shared.of: no such party {self.people.shared.of}; one of {', '.join(parties)}"
            )
        if SEGMENT in self.traits:
            raise ValueError(f"a trait can't be called {SEGMENT}: it says whom a person is a customer of")
        for table in self.tables:
            if table.split(".")[0] not in parties:
                raise ValueError(
                    f"tables.{table}: a table is named party.table, with a party of {', '.join(parties)}"
                )
        for table in self.defects:
            if table not in self.tables:
                raise ValueError(f"defects.{table}: no such table")
            known = {*self.tables[table].columns, *(self.tables[table].each or {})}
            spoiled = self.defects[table]
            named = {
                *spoiled.unknown_categories,
                *spoiled.not_a_number,
                *spoiled.negative,
                *spoiled.dates_as_text,
            }
            if named - known:
                raise ValueError(f"defects.{table}: no such column: {', '.join(sorted(named - known))}")
        return self


@dataclass(frozen=True)
class Sizes:
    """How many people there are: the shared ones first, then the first party's alone, then the second's.

    >>> Sizes.of({"icbc": 100, "jd": 50}, "jd", 0.6)
    Sizes(parties=('icbc', 'jd'), shared=30, alone=(70, 20))
    """

    parties: tuple[str, str]
    shared: int
    alone: tuple[int, int]

    @classmethod
    def of(cls, customers: Mapping[str, int], of: str, share: float, shared: int | None = None) -> Sizes:
        """From each party's customers, and the shared part or the number shared."""
        first, second = customers
        both = round(share * customers[of]) if shared is None else shared
        if min(customers.values()) < 1 or both < 0 or both > min(customers.values()):
            listed = ", ".join(f"{party} {count}" for party, count in customers.items())
            raise PopulationError(
                f"{both} shared customers do not fit into {listed}; give other sizes, or shared"
            )
        return cls((first, second), both, (customers[first] - both, customers[second] - both))

    @property
    def people(self) -> int:
        """How many people there are in all."""
        return self.shared + sum(self.alone)

    @property
    def customers(self) -> dict[str, int]:
        """How many customers each party has."""
        return {party: self.shared + alone for party, alone in zip(self.parties, self.alone, strict=True)}


def sizes_of(population: Population, sizes: Mapping[str, int] | None) -> Sizes:
    """The declared sizes, changed where told: by party, and `shared`."""
    told = dict(sizes or {})
    unknown = sorted(set(told) - {*population.people.sizes, "shared"})
    if unknown:
        known = ", ".join([*population.people.sizes, "shared"])
        raise PopulationError(f"sizes: no such party: {', '.join(unknown)}; one of {known}")
    shared = told.pop("shared", None)
    part = population.people.shared
    return Sizes.of({**population.people.sizes, **told}, part.of, part.share, shared)


def read_population(path: Path) -> Population:
    """A population from its YAML file.

    Raises:
        PopulationError: with every fault of the file, each with its field.
    """
    try:
        return Population.model_validate(_read_yaml(path))
    except ValidationError as error:
        faults = (
            f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors()
        )
        raise PopulationError("\n".join(f"{path}: {fault}" for fault in faults)) from None


def _read_yaml(path: Path) -> Any:
    try:
        return YAML(typ="safe", pure=True).load(path)
    except OSError as error:
        raise PopulationError(f"{path}: can't be read: {error.strerror}") from None
    except YAMLError as error:
        raise PopulationError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
