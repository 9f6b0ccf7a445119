"""What a policy says beyond caps, and that a report must keep to it."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dpinsights.definitions.loading import load_checked, load_policy, load_report
from dpinsights.definitions.policies import class_of
from dpinsights.definitions.resolving import check_report
from dpinsights.errors import DefinitionError
from dpinsights.model.approval import APPROVAL_FIELDS, ApprovalFields
from dpinsights.model.canonical import canonical_data, digest
from dpinsights.model.contract import UNCLASSED
from dpinsights.model.policy import Policy
from dpinsights.model.trust import Quorum

HERE = Path(__file__).parent
CHECKED = load_checked(HERE / "good" / "contract.yaml")
PLAIN = load_policy(HERE / "good" / "policy.yaml", CHECKED.contract)
STRICT = load_policy(HERE / "strict" / "policy.yaml", CHECKED.contract)
REPORT = load_report(HERE / "good" / "partner-quarterly.yaml")


def codes(report: Any, policy: Policy) -> set[str]:
    try:
        check_report(report, CHECKED, policy)
    except DefinitionError as error:
        return {problem.code for problem in error.problems}
    return set()


def test_what_a_policy_leaves_out() -> None:
    assert PLAIN.accounts["jd"].period is None
    assert (PLAIN.report, PLAIN.smallest_group, PLAIN.mandatory, dict(PLAIN.signers)) == (None, None, (), {})
    assert PLAIN.classes == ("C1", "C2")


def test_what_a_policy_says() -> None:
    period = STRICT.accounts["jd"].period
    assert period is not None
    assert (period.every, period.epsilon) == ("quarter", 2)
    assert dict(period.reserve) == {"partner-quarterly": 1, "insight-book": Decimal("0.5")}
    assert dict(STRICT.signers) == {"owner": Quorum(each_party=2), "compliance": Quorum(in_all=1)}
    assert hash(STRICT) != hash(PLAIN)
    assert digest(STRICT, purpose="policy") != digest(PLAIN, purpose="policy")


def test_every_approval_field_has_a_name() -> None:
    assert tuple(ApprovalFields.model_fields) == APPROVAL_FIELDS


def test_all_that_a_policy_refuses_at_once() -> None:
    found = codes(REPORT.replace(budget={"epsilon": 2}), STRICT)
    assert found == {"budget-over-ceiling", "approval-field-missing", "class-not-allowed"}


def test_a_ceiling_holds_at_the_limit() -> None:
    policy = STRICT.replace(classes=("C1", "C2"), mandatory=())
    assert codes(REPORT.replace(budget={"epsilon": 1}), policy) == set()
    assert codes(REPORT.replace(budget={"epsilon": "1.0000001"}), policy) == {"budget-over-ceiling"}


@pytest.mark.parametrize("field", APPROVAL_FIELDS)
def test_each_field_can_be_mandatory(field: Any) -> None:
    policy = PLAIN.replace(mandatory=(field,))
    others = {name: "said" for name in APPROVAL_FIELDS if name != field}
    assert codes(REPORT.replace(approval=others), policy) == {"approval-field-missing"}
    assert codes(REPORT.replace(approval={field: {"zh": "有"}}), policy) == set()


def test_a_missing_field_names_its_line(tmp_path: Path) -> None:
    text = (HERE / "good" / "partner-quarterly.yaml").read_text("utf-8")
    path = tmp_path / "report.yaml"
    path.write_text(text + "approval:\n  purpose: Planning\n", "utf-8")
    policy = PLAIN.replace(mandatory=("purpose", "retention"))
    with pytest.raises(DefinitionError) as caught:
        load_report(path, CHECKED, policy)
    (problem,) = caught.value.problems
    assert problem.field == "approval.retention"
    assert problem.line == text.count("\n") + 1
    assert "retention" in problem.message


def test_exploration_fills_in_no_fields_but_keeps_to_the_rest() -> None:
    explored = REPORT.replace(audience="exploration", account="exploration", budget={"epsilon": 2})
    assert codes(explored, STRICT) == {"budget-over-ceiling", "class-not-allowed"}


def test_a_column_without_a_class_is_sensitive() -> None:
    assert UNCLASSED == "C2"
    assert class_of("icbc.customers.province", CHECKED.contract) == "C1"
    assert class_of("icbc.customers.wealth_tier", CHECKED.contract) == "C2"
    assert class_of("jd.orders", CHECKED.contract) is None
    assert class_of("icbc", CHECKED.contract) is None


def test_a_class_that_is_not_allowed_is_named_with_its_query() -> None:
    with pytest.raises(DefinitionError) as caught:
        check_report(REPORT, CHECKED, PLAIN.replace(classes=("C1",)))
    said: dict[str, list[str]] = {}
    for problem in caught.value.problems:
        said.setdefault(problem.field, []).append(problem.message)
    assert set(said) == {"queries.spend_by_category", "queries.spend_by_level"}
    read = " ".join(said["queries.spend_by_level"])
    assert "jd.orders.amount" in read  # through a feature
    assert "province" not in read  # C1


def test_a_contract_without_classes_keeps_its_digest() -> None:
    """The canonical form drops what is not said, so that a signed contract stays signed."""
    plain = CHECKED.contract.tables["jd.orders"]
    assert "sensitivity" not in str(canonical_data(plain))
    before = digest(plain, purpose="table")
    columns = {
        name: column.replace(sensitivity="C1") if name == "amount" else column
        for name, column in plain.columns.items()
    }
    assert digest(plain.replace(columns=columns), purpose="table") != before


def test_the_policy_of_the_guide_is_one(tmp_path: Path) -> None:
    guide = (HERE.parents[1] / "docs" / "policy.md").read_text("utf-8")
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    path = tmp_path / "policy.yaml"
    path.write_text(block, "utf-8")
    policy = load_policy(path, CHECKED.contract)
    assert policy.model_fields_set == set(Policy.model_fields)
    assert all(f"`{field}`" in guide for field in APPROVAL_FIELDS)
