"""A made-up population of two companies with the joint structure that the thirty questions ask about.

A few hidden numbers of each customer (wealth, activity, risk) drive everything else, so that tiers, spend, returns and
arrears belong together. Some values lie beyond the contract's bounds or keys, so that clipping and the unknown key work.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dpinsights.model.policy import Sources

CUSTOMERS = 4_000
BANK, SHOP = 3_000, 2_600
"""The bank has the first 3,000, the shop the last 2,600: 1,600 are shared."""

COUNTIES = tuple(f"c{number:02}" for number in range(24))
TIERS, CITIES = ("mass", "affluent", "private"), ("first", "second", "county")
PRODUCTS = (
    "deposit", "certificate_of_deposit", "wealth_management", "consumer_finance", "personal_loan",
    "precious_metals", "card",
)  # fmt: skip
CATEGORIES = ("phones", "apparel", "food", "garden")
"""The contract does not know the last one: it goes to `other`."""
BRANDS = tuple(f"brand {number}" for number in range(1, 31))
STEPS = ("banner", "app", "page", "purchase")

FIRST = date(2016, 1, 1)
"""The first day of the report's period, of 731 days."""

Reals = NDArray[np.float64]


def write_population(folder: Path, seed: int = 30) -> Sources:
    """Writes the tables as Parquet files and gives the sources that name them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in _tables(seed).items():
        columns = ", ".join(_column(column) for column in frame.columns)
        connection = duckdb.connect()
        connection.register("frame", frame)
        connection.execute(f"COPY (SELECT {columns} FROM frame) TO '{folder / name}.parquet'")
        connection.close()
    tables = {name: {"parquet": f"{name}.parquet"} for name in _tables(seed)}
    return Sources.model_validate({"snapshot": "made-up", "origin": "synthetic", "tables": tables})


def _column(name: str) -> str:
    if name.endswith("_cents"):  # amounts are exact decimals
        return f"CAST({name} / 100 AS DECIMAL(12, 2)) AS {name.removesuffix('_cents')}"
    if name.endswith("_day"):
        return f"DATE '{FIRST}' + CAST({name} AS INTEGER) AS {name.removesuffix('_day')}_on"
    return name


def _tables(seed: int) -> Mapping[str, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    ids = np.array([f"id{number:05}" for number in range(CUSTOMERS)])
    wealth, activity, risk = (rng.normal(size=CUSTOMERS) for _ in range(3))
    bank, shop = np.arange(BANK), np.arange(CUSTOMERS - SHOP, CUSTOMERS)
    return {
        "bank.customers": _bank_customers(rng, ids[bank], wealth[bank]),
        "bank.holdings": _holdings(rng, ids, bank, wealth, activity),
        "bank.payments": _payments(rng, ids, bank, wealth),
        "bank.loans": _loans(rng, ids, bank, risk),
        "bank.cobrand": _cobrand(rng, ids, bank),
        "shop.customers": _shop_customers(rng, ids[shop]),
        "shop.orders": _orders(rng, ids, shop, wealth, activity, risk),
        "shop.events": _events(rng, ids, shop, activity),
    }


def _bank_customers(rng: np.random.Generator, ids: NDArray[np.str_], wealth: Reals) -> pd.DataFrame:
    n = len(ids)
    # Few live in the last counties, so that small cells occur.
    share = 1 / np.arange(1, len(COUNTIES) + 1)
    county = rng.choice(np.array(COUNTIES, dtype=object), n, p=share / share.sum())
    county[rng.random(n) < 0.02] = None
    age = np.clip(rng.normal(42, 15, n), 16, 95).astype(int)
    return pd.DataFrame(
        {
            "customer_id": ids,
            "county": county,
            "wealth_tier": np.array(TIERS)[np.digitize(wealth, [0.7, 1.7])],
            "age": age,
            "gender": np.where(rng.random(n) < 0.5, "female", "male"),
            "city_tier": np.array(CITIES)[rng.choice(3, n, p=[0.2, 0.3, 0.5])],
            # Some have more than the contract's highest value.
            "deposit_balance_cents": np.exp(9 + 1.3 * wealth + rng.normal(0, 0.6, n)).astype(int) * 100 + 7,
        }
    )


def _each(rng: np.random.Generator, who: NDArray[np.intp], rates: Reals) -> NDArray[np.intp]:
    """Each customer as often as a Poisson number with its rate says."""
    return np.repeat(who, rng.poisson(rates))


def _holdings(
    rng: np.random.Generator, ids: NDArray[np.str_], bank: NDArray[np.intp], wealth: Reals, activity: Reals
) -> pd.DataFrame:
    who, product = [], []
    for number, name in enumerate(PRODUCTS):
        towards = wealth if number in (1, 2, 5) else activity
        chance = 1 / (1 + np.exp(1.3 - 0.5 * number % 3 - 0.8 * towards[bank]))
        holders = bank[rng.random(len(bank)) < chance]
        who.append(holders)
        product += [name] * len(holders)
    holders = np.concatenate(who)
    again = rng.choice(len(holders), len(holders) // 10, replace=False)  # some hold the same one twice
    holders, names = np.append(holders, holders[again]), np.append(product, np.array(product)[again])
    return pd.DataFrame(
        {
            "customer_id": ids[holders],
            "product": names,
            "opened_day": rng.integers(-500, 731, len(holders)),
            "opened_through": np.where(rng.random(len(holders)) < 0.4, "platform", "branch"),
        }
    )


def _payments(
    rng: np.random.Generator, ids: NDArray[np.str_], bank: NDArray[np.intp], wealth: Reals
) -> pd.DataFrame:
    who = _each(rng, bank, np.exp(1.2 + 0.5 * wealth[bank]))
    return pd.DataFrame(
        {
            "customer_id": ids[who],
            "amount_cents": np.exp(rng.normal(10, 1, len(who))).astype(int),
            "paid_day": rng.integers(-60, 731, len(who)),
        }
    )


def _loans(
    rng: np.random.Generator, ids: NDArray[np.str_], bank: NDArray[np.intp], risk: Reals
) -> pd.DataFrame:
    who = _each(rng, bank, np.full(len(bank), 0.7))
    late = np.maximum(60 * risk[who] + rng.normal(0, 40, len(who)), 0).astype(int)  # bounded at 180
    return pd.DataFrame({"customer_id": ids[who], "days_past_due": late})


def _cobrand(rng: np.random.Generator, ids: NDArray[np.str_], bank: NDArray[np.intp]) -> pd.DataFrame:
    """A card that both brands issue since 2017, used for the first time some days later or never."""
    who = bank[rng.random(len(bank)) < 0.25]
    issued = rng.integers(366, 731, len(who))
    used = issued + rng.integers(0, 60, len(who))
    first_used = pd.Series(used, dtype="Int64").where(pd.Series(rng.random(len(who)) < 0.7))
    return pd.DataFrame({"customer_id": ids[who], "issued_day": issued, "first_used_day": first_used})


def _shop_customers(rng: np.random.Generator, ids: NDArray[np.str_]) -> pd.DataFrame:
    n = len(ids)
    arm = np.where(rng.random(n) < 0.4, "control", "exposed").astype(object)
    arm[rng.random(n) < 0.2] = None  # not in the experiment
    return pd.DataFrame({"customer_id": ids, "registered_day": rng.integers(-1500, 0, n), "arm": arm})


def _orders(
    rng: np.random.Generator,
    ids: NDArray[np.str_],
    shop: NDArray[np.intp],
    wealth: Reals,
    activity: Reals,
    risk: Reals,
) -> pd.DataFrame:
    who = _each(rng, shop, np.minimum(np.exp(1.6 + 0.8 * activity[shop]), 25))
    n = len(who)
    usual = rng.beta(1, 1 + np.exp(activity[who])) * 731
    day = np.where(rng.random(n) < 0.15, rng.choice([525, 530, 675, 680], n), usual).astype(int)
    category = np.array(CATEGORIES)[
        np.minimum(rng.geometric(1 / (1 + np.exp(0.8 * wealth[who] - 0.3))), 4) - 1
    ]
    return pd.DataFrame(
        {
            "customer_id": ids[who],
            "category": category,
            "brand": np.array(BRANDS)[np.minimum(rng.geometric(0.15, n), len(BRANDS)) - 1],
            "amount_cents": np.exp(9.5 + 0.5 * wealth[who] + rng.normal(0, 1, n)).astype(int),
            "returned": rng.random(n) < 1 / (1 + np.exp(2 - 0.8 * risk[who])),
            "ordered_day": np.where(rng.random(n) < 0.03, -20, day),  # some before the period
        }
    )


def _events(
    rng: np.random.Generator, ids: NDArray[np.str_], shop: NDArray[np.intp], activity: Reals
) -> pd.DataFrame:
    """Steps towards a purchase, some of them without the step before."""
    frames = []
    for kind, rate in zip(STEPS, (1.2, 0.9, 0.6, 0.35), strict=True):
        who = _each(rng, shop, rate * np.exp(0.5 * activity[shop]))
        frames.append(
            pd.DataFrame(
                {"customer_id": ids[who], "kind": kind, "happened_day": rng.integers(0, 731, len(who))}
            )
        )
    return pd.concat(frames, ignore_index=True)
