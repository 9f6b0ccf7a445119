"""What a reviewer is told of a changed report: each kind of change, in words that name it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpinsights.governance.approvals.describing import describe
from dpinsights.governance.approvals.differences import ABOUT, differences
from tests.governance.approvals.house import copy, lock, lock_from

REPORT, CONTRACT = "partner-quarterly.yaml", "contract.yaml"

CASES = {
    "filter": (REPORT, "province <> '西藏' and", "province = '西藏' and", {"filters"}, ["where was", "is icbc.customers.province = '西藏'"]),
    "population": (REPORT, "population: shared  ", "population: icbc  ", {"filters"}, ["population was shared, is icbc"]),
    "period": (REPORT, "until: 2018-01-01", "until: 2018-02-01", {"filters", "measures"}, ["period.until: was 2018-01-01, is 2018-02-01"]),
    "group and column": (
        REPORT, "by: [icbc.customers.province]", "by: [icbc.customers.wealth_tier]", {"groups", "columns"},
        ["by has also icbc.customers.wealth_tier and no longer icbc.customers.province",
         "shared_by_province reads also icbc.customers.wealth_tier and no longer icbc.customers.province"],
    ),
    "bounds": (REPORT, "bounds: [0, 5000]", "bounds: [0, 6000]", {"bounds", "margins"}, ["bounds was 0 to 5000, is 0 to 6000"]),
    "limit": (REPORT, "groups_per_customer: 4", "groups_per_customer: 3", {"bounds"}, ["groups per customer was 4, is 3"]),
    "margin": (REPORT, "margin: 500", "margin: 400", {"margins", "cost"}, ["margin was 500, is 400", "at most rho 0.000007667566 before"]),
    "weight": (REPORT, "weight: 2", "weight: 3", {"cost", "margins"}, ["weight was 2, is 3"]),
    "budget": (REPORT, "epsilon: 1.0", "epsilon: 0.9", {"cost", "margins"}, ["budget.epsilon: was 1, is 0.9", "the whole report: at most"]),
    "text": (REPORT, "Shared customers by province", "Common customers", {"text"}, ["title en was Shared customers by province, is Common customers"]),
    "audience": (REPORT, "audience: jd\naccount: jd", "audience: icbc\naccount: icbc", {"audience"}, ["audience: was jd, is icbc", "account: was jd, is icbc"]),
    "template": (REPORT, "template: partner", "template: other", {"templates"}, ["template: was partner, is other"]),
    "feature": (
        CONTRACT, "{sum: jd.orders.amount, bounds: [0, 50000]}", "{sum: jd.orders.amount, bounds: [0, 40000]}",
        {"bounds", "measures", "margins"},
        ["in the contract, features.online_spend.bounds: was 0 to 50000, is 0 to 40000", "spend_by_level: what is measured for it changed"],
    ),
    "keys": (CONTRACT, "keys: [北京, 天津, 西藏]", "keys: [北京, 天津, 西藏, 上海]", {"groups"}, ["province.keys: has also 上海"]),
    "order of keys": (CONTRACT, "keys: [mass, affluent,", "keys: [affluent, mass,", {"groups"}, ["was mass, affluent, private, is affluent, mass, private"]),
    "comment": (REPORT, "# half-open", "# not half-open", {"files"}, ["report.yaml: its layout or comments changed"]),
    "contract comment": (CONTRACT, "# public figures", "# figures", {"files"}, ["contract.yaml: its layout"]),
    "policy": ("policy.yaml", "icbc: {epsilon: 4}", "icbc: {epsilon: 5}", {"policy"}, ["in the policy, accounts.icbc.epsilon: was 4, is 5"]),
    "period of an account": ("policy.yaml", "icbc: {epsilon: 4}", "icbc: {epsilon: 4, period: {every: year, epsilon: 1}}", {"policy"}, ["in the policy, accounts.icbc.period: is new: epsilon 1, every year"]),
    "report ceiling": ("policy.yaml", "lifetime: {epsilon: 8}", "lifetime: {epsilon: 8}\nreport: {epsilon: 2}", {"policy"}, ["in the policy, report: is new"]),
    "signers": (
        "policy.yaml", "lifetime: {epsilon: 8}", "lifetime: {epsilon: 8}\nsigners: {owner: {each_party: 2}}", {"policy"},
        ["in the policy, signers.owner: is new: each_party 2"],
    ),
    "classes": ("policy.yaml", "lifetime: {epsilon: 8}", "lifetime: {epsilon: 8}\nclasses: [C2, C1]", {"policy"}, ["in the policy, classes: was C1, C2, is C2, C1"]),
    "smallest group": ("policy.yaml", "lifetime: {epsilon: 8}", "lifetime: {epsilon: 8}\nsmallest_group: 10", {"policy"}, ["in the policy, smallest_group: is new: 10"]),
    "approval": (REPORT, "template: partner", "template: partner\napproval: {purpose: Planning}", {"approval"}, ["approval: is new", "Planning"]),
    "class of a column": (CONTRACT, "product: {type: category,", "product: {type: category, class: C1,", {"contract"}, ["product.sensitivity: is new: C1"]),
    "delta": ("policy.yaml", "conversion: 1e-10", "conversion: 1e-11", {"policy", "cost"}, ["in the policy, delta.conversion: was 0.0000000001"]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_change_is_named(tmp_path: Path, name: str) -> None:
    file, before, after, about, said = CASES[name]
    path = copy(tmp_path) / file
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1
    path.write_text(text.replace(before, after), encoding="utf-8")
    found = differences(lock(), lock_from(tmp_path))
    words = "\n".join(str(one) for one in found)
    assert about <= {one.about for one in found}, words
    for words_wanted in said:
        assert words_wanted in words
    if about <= {"text", "files", "templates", "audience", "policy"}:
        assert {one.about for one in found} == about, words
    back = differences(lock_from(tmp_path), lock())
    assert {one.place for one in back} == {one.place for one in found}


def test_a_query_that_comes_goes_or_moves(tmp_path: Path) -> None:
    path = copy(tmp_path) / REPORT
    text = path.read_text(encoding="utf-8")
    new = "  holders:\n    count: customers\n    where: holds_cd\n    margin: 900\n"
    path.write_text(text.replace("template: partner", f"{new}template: partner"), encoding="utf-8")
    more = lock_from(tmp_path)
    added = [one for one in differences(lock(), more) if one.about == "queries"]
    assert len(added) == 1 and added[0].text.startswith(
        "holders is new: count of customers; population any; where holds_cd"
    )
    assert "icbc.holdings.product" in added[0].text and "costs at most rho" in added[0].text
    assert [one.text for one in differences(more, lock()) if one.about == "queries"] == ["holders is gone"]
    head, first, rest = text.partition("  shared_by_province:")
    one, two, last = rest.partition("  spend_by_category:")
    end = last.index("template:")
    path.write_text(head + two + last[:end] + first + one + last[end:], encoding="utf-8")
    moved = differences(lock(), lock_from(tmp_path))
    assert any("their order was shared_by_province" in str(change) for change in moved)


def test_a_new_title_hides_nothing(tmp_path: Path) -> None:
    """The contract changes what a query measures, and the report only its words and its margin."""
    folder = copy(tmp_path)
    for file, before, after in (
        ("contract.yaml", "{sum: jd.orders.amount, bounds: [0, 50000]}", "{max: jd.orders.amount}"),
        (REPORT, "    weight: 2", "    weight: 3\n    title: Spend"),
    ):
        text = (folder / file).read_text(encoding="utf-8")
        assert before in text
        (folder / file).write_text(text.replace(before, after), encoding="utf-8")
    words = [str(one) for one in differences(lock(), lock_from(folder))]
    assert "measures: spend_by_level: what is measured for it changed" in words, words
    assert any("title was none" in one or "title is new" in one for one in words), words


def test_an_author_and_a_version_are_named(tmp_path: Path) -> None:
    other = lock_from(copy(tmp_path), author="Sun Wei")
    assert [str(one) for one in differences(lock(), other)] == ["author: author: was Wang Fang, is Sun Wei"]


def test_differences_come_in_a_reviewers_order(tmp_path: Path) -> None:
    path = copy(tmp_path) / REPORT
    text = (
        path.read_text(encoding="utf-8")
        .replace("[0, 5000]", "[0, 600]")
        .replace("Shared customers", "Common")
    )
    path.write_text(text.replace("'西藏'", "'天津'"), encoding="utf-8")
    found = [ABOUT.index(one.about) for one in differences(lock(), lock_from(tmp_path), lambda units: "9.9")]
    assert found == sorted(found) and len(set(found)) >= 4


def test_a_description_says_what_is_signed() -> None:
    lines = describe(lock(), lambda units: "0.5")
    assert lines[0] == "partner-quarterly version 1, by Wang Fang, for jd, charged to jd"
    assert lines[2] == "costs at most rho 0.013242583764 (epsilon 0.5) if every number is drawn anew"
    assert lines[6] == (
        "policy version 1: lifetime epsilon 8; account jd: epsilon 4; columns of C1, C2; all groups are shown"
    )
    assert len(lines) == 7 and "margin 500" in lines[3] and "at most 4 groups a customer" in lines[4]


def test_a_description_says_what_the_policy_asks_for_and_what_the_author_answers(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    for file, more in (
        (REPORT, "approval: {contact: privacy@example.org, purpose: {en: Planning, zh: 规划}}\n"),
        ("policy.yaml", "report: {epsilon: 2}\nsmallest_group: 10\nsigners: {compliance: {in_all: 2}}\n"),
    ):
        path = folder / file
        path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    lines = describe(lock_from(folder))
    assert lines[6:] == (
        'purpose: en "Planning", zh "规划"',
        'contact: en "privacy@example.org"',
        "policy version 1: lifetime epsilon 8; account jd: epsilon 4; one report at most epsilon 2; columns of C1, C2; "
        "groups below 10 are not shown; signed by compliance in_all 2",
    )
