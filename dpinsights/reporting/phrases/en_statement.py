"""The English phrases of the privacy statement, the receipt, plans and balances."""

from __future__ import annotations

from collections.abc import Mapping

STATEMENT: Mapping[str, str | Mapping[str, str]] = {
    # Privacy statement
    "privacy": "Privacy statement",
    "one_line": (
        "One customer with all rows at {first} and {second}, added or removed · data from {start} to {end} · "
        "this report: "
        "ε = {report} at δ = {delta} (ρ = {rho}) · {audience} so far: ε = {account} of {account_cap}{period} · "
        "all recipients so far: ε = {lifetime} of {lifetime_cap}"
    ),
    "one_line_period": ", of it from {start} to {end}: ε = {spent} of {cap}",
    "unit_of_privacy": "Protected unit",
    "unit_customer": (
        "One customer: one linked person, with all rows in every table of {first} and of {second}, at "
        "any time."
    ),
    "adjacency": "Adjacency",
    "adjacency_add_remove": (
        "Two data sets are neighbours if one customer, with all rows at both parties, is added or removed. "
        "The account map, "
        "which says what accounts belong to one person, is held fixed; people joined by a shared identifier "
        "count as one."
    ),
    "account_map": "Account map",
    "account_map_none": "None: both parties use the same customer ids, and one id is one customer.",
    "measure": "Guarantee",
    "measure_zcdp": (
        "Zero-concentrated differential privacy (ρ), which adds up over reports. ε is the same loss restated "
        "at δ = {delta}; "
        "δ bounds how often the bound given by ε may fail. With the delta reserved for key discovery, "
        "{discovery}, the "
        "same ε holds at δ = {total}."
    ),
    "discovery": "Key discovery",
    "discovery_text": (
        "Keys that were not known beforehand were discovered, which costs a δ besides: δ = {report} in this report, "
        "δ = {account} for {audience} so far."
    ),
    "spending": "Privacy loss",
    "spending_caption": "Privacy loss: ε at δ = {delta}, and ρ. Shares of a cap are of ρ, which adds up; ε does not.",
    "spending_what": "What",
    "spending_epsilon": "ε at δ = {delta}",
    "spending_rho": "ρ",
    "spending_cap": "Cap (ε)",
    "spending_used": "Used (ρ)",
    "spending_report": "This report, a whole customer changed: map(1)",
    "spending_report_two": "This report, one party's rows of a customer changed, the other's known: map(2)",
    "spending_fresh": "Of it newly drawn for this report",
    "spending_account": "Shown to {audience} so far, account “{account}”",
    "spending_period": "Charged to account “{account}” in this period, {start} to {end}",
    "spending_lifetime": "All recipients of this partnership so far",
    "map_note": (
        "map(1) is the loss when one customer is added or removed. map(2) is the loss when all rows of a "
        "customer at one party "
        "change while the rows at the other party are known: two steps of the adjacency, up to four times "
        "the ρ."
    ),
    "cap_note": (
        "What is promised is the cap; the figures “so far” are a running total. Recipients are assumed to "
        "put together "
        "what they know. A customer who belongs to two partnerships is covered by the caps of both, and the "
        "losses add up."
    ),
    "period_note": (
        "The cap of the period is counted anew from {next}. The account's own cap and the cap over all recipients "
        "never are: what was seen stays seen."
    ),
    "period_reserved": "Of the period's cap, ε = {reserved} is kept for other reports that were promised.",
    "amendment_line": "{day}: {account}, from {before} to {after}",
    "amendment_cap": "ε = {cap}",
    "amendment_none": "no cap",
    "amendment_each_month": "{account}, each month",
    "amendment_each_quarter": "{account}, each quarter",
    "amendment_each_year": "{account}, each year",
    "amendment_signed": {"one": "{line}, signed by {n} person", "other": "{line}, signed by {n} persons"},
    "amendments": "Changes of the caps",
    "noise": "Noise of each table",
    "noise_caption": "Mechanism, scale, sensitivity, cost and margin for each table.",
    "noise_table": "Result",
    "noise_mechanism": "Mechanism",
    "noise_scale": "Scale σ",
    "noise_sensitivity": "Most one customer changes",
    "noise_cost": "ρ: map(1)",
    "noise_cost_two": "ρ: map(2)",
    "noise_margin": "Margin",
    "rank_margin": "{n} customers in rank",
    "role_value": "numbers",
    "role_numerator": "numerator",
    "role_denominator": "denominator",
    "role_count": "number of customers",
    "role_first": "sum",
    "role_second": "sum of squares",
    "role_total": "sums by bin",
    "role_sum_of": "sum of “{one}”",
    "role_square_of": "sum of squares of “{one}”",
    "role_product_of": "sum of products of “{one}” and “{other}”",
    "noise_of": "{title}: {role}",
    "mechanism_discrete-gaussian": "discrete Gaussian",
    "mechanism_discrete-gaussian-with-a-threshold": "discrete Gaussian, shown above a threshold",
    "mechanism_exponential-mechanism": "exponential mechanism: a choice among public cuts",
    "noise_draws": "{mechanism}, {n} draws combined",
    "sensitivity": {
        "one": "{n} cell, by at most {linf}; L2\u00a0{l2}",
        "other": "{n} cells, each by at most {linf}; L2\u00a0{l2}",
    },
    "sensitivity_in_all": "{n} cells, by at most {linf} in all; L2\u00a0{l2}",
    "noise_note": (
        "Tables that share a measurement share its draw, which is paid for once; so the costs in this list "
        "can add up to "
        "more than the cost of the report. The scale is in the unit of the table."
    ),
    "methods": "How the intervals are made",
    "method_discrete-gaussian": "Exact tails of the discrete Gaussian noise",
    "method_combined-gaussian": "Normal approximation for several draws combined by inverse variance",
    "method_fieller": "Fieller's set for a ratio of two noisy sums, within the declared bounds",
    "method_box": (
        "All ratios of a numerator and a denominator within their own intervals (covers more than stated)"
    ),
    "method_composite": (
        "Fieller's sets for the variance over all means within an interval of the mean (covers more than stated)"
    ),
    "method_inverted-distribution": (
        "The public cuts between which the noisy distribution function reaches the quantile"
    ),
    "method_chosen-cut": "A public cut, chosen by the exponential mechanism; its margin is one of ranks",
    "method_mover": "From the two intervals that are compared, their noise taken as independent (MOVER)",
    "method_fieller-bounds": (
        "Fieller's sets, widened by all ways in which values may lie within public bins"
    ),
    "method_line": "{method}: {tables}.",
    "reading": "How to read an interval",
    "reading_1": (
        "An interval is about noise only: for {confidence} of the numbers printed this way it holds the "
        "figure that the same "
        "computation, with the same bounds and limits, gives without noise on this snapshot of the data."
    ),
    "reading_2": (
        "Two numbers whose intervals overlap may be equal. An interval is not a test: it says nothing of how "
        "the figures would "
        "differ for other customers or in another period."
    ),
    "reading_3": (
        "“{near_zero}” means that the interval holds zero. “{too_wide}” means that the noise is so large "
        "beside the group that "
        "the number carries no information."
    ),
    "processing": "Processing of the noisy numbers, and bias",
    "reading_suppressed": (
        "Where small groups are not shown, intervals hold as often as stated over all groups together; how often they "
        "do given that the number is shown is not stated."
    ),
    "processing_1": (
        "Groups, bounds and limits were declared before any data was read. Every declared group has a "
        "number, empty groups "
        "too; no group was left out because of its size."
    ),
    "processing_1_smallest": (
        "Groups, bounds and limits were declared before any data was read. Every declared group has a line, empty "
        "groups too; numbers of groups below the smallest group ({n}) are not shown, which noisy numbers alone decide."
    ),
    "processing_2": (
        "Bounds and limits on the contribution of a customer can bias a number. The intervals do not cover "
        "this; it is said "
        "under each result."
    ),
    "processing_3": (
        "Numbers are printed with as many digits as their margin supports; the data files hold all digits. "
        "Where a number "
        "cannot be negative, its interval is cut off at zero. Ratios use a noisy numerator and a noisy "
        "denominator."
    ),
    "processing_discovered": (
        "Where keys were discovered, rare keys are left out; which ones depends on noise as well."
    ),
    "processing_consistent": (
        "Tables that count the same customers were adjusted to add up, by least squares on the noisy numbers; this "
        "uses no further data. Where they differed by more than noise explains, they were left as drawn."
    ),
    "unprotected": "What is not protected",
    "unprotected_1": "When a report was made and how long the computation took.",
    "unprotected_2": "Membership, if a party knows it: a party knows who its own customers are.",
    "unprotected_3": (
        "People whose accounts were linked wrongly: those whom the linking failed to join count as "
        "several customers."
    ),
    "unprotected_4": "Raw data against an operator who abuses access to it.",
    "unprotected_5": "Other publications from the same data without differential privacy.",
    "unprotected_6": (
        "Facts about groups as a whole: what is true of many customers can be learned, and applied to "
        "anybody who resembles them."
    ),
    "unprotected_7": "This statement is no legal conclusion about anonymity.",
    # Receipt
    "receipt": "Receipt",
    "receipt_release": "Release",
    "receipt_report": "Report",
    "receipt_contract": "Contract",
    "receipt_partnership": "Partnership",
    "receipt_contract_digest": "Contract digest",
    "receipt_measurement_digest": "Measurement digest",
    "receipt_reader_digest": "Reader digest",
    "receipt_origin": "Origin of the data",
    "receipt_approval": "Approval",
    "receipt_versions": "Versions",
    "receipt_cost": "Cost in ledger units of 1e-12 ρ",
    "origin_synthetic": "made-up population",
    "origin_real": "data of the parties",
    "approved": "approved",
    "not_approved": "NOT APPROVED",
    # Notebook: plan and budget
    "plan": "Plan of {report}",
    "plan_reads_nothing": "Nothing was read and nothing spent.",
    "plan_query": "Query",
    "plan_cost": "Cost ε",
    "plan_share": "Share of the budget",
    "plan_scale": "Noise scale",
    "plan_margin": "Expected margin",
    "plan_any_size": "± {margin}",
    "plan_for_size": "± {margin} at {customers} customers",
    "plan_no_forecast": "no forecast: too small beside the noise at the sizes known",
    "plan_rank": "± {n} customers in rank, chosen among the cuts",
    "plan_more_draws": "{first}, and {n} more sums",
    "plan_median": "{margin} (median of the terms)",
    "plan_total": "All queries",
    "plan_left": "Left of the report's budget",
    "plan_budget": "Budget of the report",
    "plan_charged": "Of these still to be charged",
    "plan_free": "measured already: costs nothing more",
    "plan_shared": "shares a draw with {queries}, paid for once",
    "plan_caption": "Cost and expected margin of each query; ε at δ = {delta}.",
    "plan_additive": "ε does not add up; the shares are of ρ, which does.",
    "budget": "Privacy budget",
    "budget_spent": "Spent",
    "budget_left": "Left",
    "budget_cap": "Cap",
    "budget_more": {"one": "about {n} more like the last", "other": "about {n} more like the last"},
    "budget_none": "no room for another like the last",
    "budget_line": "{account}: ε {spent} spent of {cap} ({used} of ρ)",
    "budget_line_more": "{line}, {more}",
    "budget_period": (
        "from {start} to {end}: ε {spent} spent of {cap} ({used} of ρ), counted anew from {next}; the cap above never is"
    ),
    "budget_period_kept": "{line}; ε {kept} of it is kept for promised reports",
    "budget_caption": "What each account has spent, in ε at one δ; the bar shows the share of ρ.",
    "budget_lifetime": "lifetime, all recipients",
}
