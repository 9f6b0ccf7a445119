"""The English phrases for what a number estimates and compares, and for the groups that measures bring."""

from __future__ import annotations

from collections.abc import Mapping

ESTIMATES: Mapping[str, str | Mapping[str, str]] = {
    # What a number estimates
    "est_customers_grouped": "Each number estimates how many {people} are in the group.",
    "est_customers_all": "The number estimates how many {people} there are.",
    "est_rows_grouped": "Each number estimates how many rows of “{of}” the {people} have in the group.",
    "est_rows_all": "The number estimates how many rows of “{of}” the {people} have.",
    "est_total_grouped": "Each number estimates the total of “{of}” of the {people} in the group.",
    "est_total_all": "The number estimates the total of “{of}” of the {people}.",
    "est_mean-per-customer_grouped": (
        "Each number estimates the mean of “{of}” per customer, over the {people} in the group."
    ),
    "est_mean-per-customer_all": "The number estimates the mean of “{of}” per customer, over the {people}.",
    "est_mean-per-row_grouped": (
        "Each number estimates the mean of “{of}” per row of “{rows}”, over the rows of the {people} in the "
        "group."
    ),
    "est_mean-per-row_all": (
        "The number estimates the mean of “{of}” per row of “{rows}”, over the rows of the {people}."
    ),
    "est_share-of-customers_grouped": (
        "Each number estimates the share of the {people} in the group for whom this is true: {condition}."
    ),
    "est_share-of-customers_all": (
        "The number estimates the share of the {people} for whom this is true: {condition}."
    ),
    "est_share-of-rows_grouped": (
        "Each number estimates the share of the rows of “{rows}” of the {people} in the group for which "
        "this is true: {condition}."
    ),
    "est_share-of-rows_all": (
        "The number estimates the share of the rows of “{rows}” of the {people} for which this is true: "
        "{condition}."
    ),
    "est_ratio-of-sums_grouped": (
        "Each number estimates a ratio of sums: the total of “{of}” of the {people} in the group, divided by "
        "that of “{over}”; not a mean of ratios of single customers."
    ),
    "est_ratio-of-sums_all": (
        "The number estimates a ratio of sums: the total of “{of}” of the {people}, divided by that of "
        "“{over}”; not a mean of ratios of single customers."
    ),
    "est_variance-over-customers_grouped": (
        "Each number estimates the variance of “{of}” over the {people} in the group."
    ),
    "est_variance-over-customers_all": "The number estimates the variance of “{of}” over the {people}.",
    "est_deviation-over-customers_grouped": (
        "Each number estimates the standard deviation of “{of}” over the {people} in the group."
    ),
    "est_deviation-over-customers_all": (
        "The number estimates the standard deviation of “{of}” over the {people}."
    ),
    "est_quantile-of-customers": (
        "Each number estimates a quantile of “{of}” over the {people}: the value that the named share of them "
        "does not exceed."
    ),
    "est_histogram": "Each number estimates how many {people} have a value of “{of}” in the bin.",
    "est_top": (
        "Each number estimates how many {people} have the key of “{of}”. Keys stand by falling estimates, so one "
        "may stand above another that more customers have."
    ),
    "est_pairs": (
        "Each number estimates how many {people} have both keys of “{of}”; on the diagonal, how many have the "
        "key at all."
    ),
    "est_funnel": (
        "Each number estimates how many {people} reached the step: they meet its condition and those of all "
        "steps before it."
    ),
    "est_share-of-step": (
        "Each number estimates the share of the customers at the step before who reached this step too."
    ),
    "est_share-of-figure": (
        "Each number estimates how many of {people} there are in the group for each one of its public figure, which "
        "is taken as exact."
    ),
    "est_retention": (
        "Each number estimates how many of the {people} who began in the period were still active that many "
        "periods later, or after."
    ),
    "est_share-of-cohort": (
        "Each number estimates the share of those who began in the period who were still active that many "
        "periods later, or after."
    ),
    "est_running-customers": (
        "Each number is a running total: it estimates how many {people} are in this period or one before it."
    ),
    "est_running-rows": (
        "Each number is a running total: it estimates how many rows of “{of}” the {people} have in this "
        "period and those before it."
    ),
    "est_correlation_values": (
        "Each number estimates the correlation (Pearson) of {of}, over the {people} who have both values."
    ),
    "est_correlation_ranks": (
        "Each number estimates the rank correlation (Spearman) of {of}, over the {people} who have both values."
    ),
    "est_coefficient": (
        "Each number estimates a coefficient of a linear regression over the {people} of whom every variable "
        "is known: how much more of “{of}” goes with one unit more of the variable, the other variables held "
        "equal. It is no proof of cause."
    ),
    "est_r-squared": (
        "Each number estimates R squared: the part of the variance of “{of}” that goes with the variables, 0 "
        "to 1."
    ),
    "est_concentration": (
        "The numbers estimate how unequally “{of}” is spread over the {people}: the Gini coefficient (0 is "
        "equal, 1 is all with one customer), and the share of the total that the top customers hold."
    ),
    "est_lorenz": (
        "Each pair of numbers is a point of the Lorenz curve: the share of the {people} whose value lies below "
        "a public cut, and the share of the total that they hold."
    ),
    "each_group": "Each group is taken by itself.",
    "of_two": "“{first}” and “{second}”",
    # Comparisons
    "compared_difference": "a difference",
    "compared_ratio": "a ratio, where 1 is equal",
    "compared_index": "an index, where 100 is equal",
    "compared_base": "Each number is {how}: the group set against “{base}”.",
    "compared_previous": "Each number is {how}: the group set against the one before it.",
    "compared_total": "Each number is {how}: the group set against all groups together.",
    "part_title": "{title} · {part}",
    "part_customers": "Customers",
    "part_rows": "Rows",
    "part_total": "Totals",
    "part_mean-per-customer": "Means per customer",
    "part_mean-per-row": "Means per row",
    "part_share-of-customers": "Shares of customers",
    "part_share-of-rows": "Shares of rows",
    "part_share-of-step": "Share of the step before",
    "part_share-of-figure": "Share of the public figure",
    "part_share-of-cohort": "Share of the cohort",
    "part_ratio-of-sums": "Ratios of sums",
    "part_coefficient": "Coefficients",
    "part_r-squared": "R squared",
    "part_concentration": "Gini coefficient and top share",
    "part_lorenz": "Lorenz curve",
    "part_difference": "Differences",
    "part_ratio": "Ratios of groups",
    "part_index": "Indices",
    "part_numbers": "Numbers",
    "axis_age": "Periods later",
    "axis_step": "Step",
    "intercept": "intercept",
    "quantile_key": "p{percent}",
    "bin_below": "below {high}",
    "bin_between": "{low} to below {high}",
    "bin_from": "{low} and over",
    "people_party": "customers of {party}",
    "people_shared": "customers shared by {first} and {second}",
    "people_any": "customers of {first} or {second}",
    "column_of": "{column} ({table})",
    "where": "Only customers of whom this is true are included: {condition}.",
    "rows_where": "Only rows of which this is true are included: {condition}.",
}
