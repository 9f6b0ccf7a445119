"""The Chinese phrases for what a number estimates and compares, and for the groups that measures bring."""

from __future__ import annotations

from collections.abc import Mapping

ESTIMATES: Mapping[str, str | Mapping[str, str]] = {
    # What a number estimates
    "est_customers_grouped": "每个数字估计该组内{people}的人数。",
    "est_customers_all": "该数字估计{people}的人数。",
    "est_rows_grouped": "每个数字估计该组内{people}的“{of}”记录条数。",
    "est_rows_all": "该数字估计{people}的“{of}”记录条数。",
    "est_total_grouped": "每个数字估计该组内{people}的“{of}”总额。",
    "est_total_all": "该数字估计{people}的“{of}”总额。",
    "est_mean-per-customer_grouped": "每个数字估计该组内{people}的“{of}”人均值。",
    "est_mean-per-customer_all": "该数字估计{people}的“{of}”人均值。",
    "est_mean-per-row_grouped": "每个数字估计该组内{people}的“{rows}”记录中“{of}”的每条平均值。",
    "est_mean-per-row_all": "该数字估计{people}的“{rows}”记录中“{of}”的每条平均值。",
    "est_share-of-customers_grouped": "每个数字估计该组内{people}中满足以下条件的人数占比：{condition}。",
    "est_share-of-customers_all": "该数字估计{people}中满足以下条件的人数占比：{condition}。",
    "est_share-of-rows_grouped": (
        "每个数字估计该组内{people}的“{rows}”记录中满足以下条件的占比：{condition}。"
    ),
    "est_share-of-rows_all": "该数字估计{people}的“{rows}”记录中满足以下条件的占比：{condition}。",
    "est_ratio-of-sums_grouped": (
        "每个数字估计总额之比：该组内{people}的“{of}”总额除以“{over}”总额，而非各客户比值的平均。"
    ),
    "est_ratio-of-sums_all": "该数字估计总额之比：{people}的“{of}”总额除以“{over}”总额，而非各客户比值的平均。",
    "est_variance-over-customers_grouped": "每个数字估计该组内{people}的“{of}”的方差。",
    "est_variance-over-customers_all": "该数字估计{people}的“{of}”的方差。",
    "est_deviation-over-customers_grouped": "每个数字估计该组内{people}的“{of}”的标准差。",
    "est_deviation-over-customers_all": "该数字估计{people}的“{of}”的标准差。",
    "est_quantile-of-customers": "每个数字估计{people}的“{of}”的一个分位数：所示比例的客户不超过该值。",
    "est_histogram": "每个数字估计“{of}”落在该区间内的{people}的人数。",
    "est_top": "每个数字估计具有该项“{of}”的{people}的人数。各项按估计值由大到小排列，实际人数的次序可能不同。",
    "est_pairs": "每个数字估计同时具有两项“{of}”的{people}的人数；对角线上为具有该项的总人数。",
    "est_funnel": "每个数字估计到达该步骤的{people}的人数：满足该步骤及此前所有步骤的条件。",
    "est_share-of-step": "每个数字估计上一步骤的客户中也到达本步骤者的占比。",
    "est_share-of-figure": "每个数字估计该组内{people}的人数与该组公开数字之比；公开数字视为准确。",
    "est_retention": "每个数字估计在该期开始的{people}中，经过所示期数之后（或更晚）仍活跃的人数。",
    "est_share-of-cohort": "每个数字估计在该期开始的客户中，经过所示期数之后（或更晚）仍活跃者的占比。",
    "est_running-customers": "每个数字为累计值：估计截至该期的{people}的人数。",
    "est_running-rows": "每个数字为累计值：估计截至该期{people}的“{of}”记录条数。",
    "est_correlation_values": "每个数字估计{people}中两项均有值者{of}的相关系数（皮尔逊）。",
    "est_correlation_ranks": "每个数字估计{people}中两项均有值者{of}的秩相关系数（斯皮尔曼）。",
    "est_coefficient": (
        "每个数字估计在各变量均有值的{people}上的线性回归系数：其他变量不变时，变量每增加一个单位，"
        "“{of}”相应增加多少。"
        "这并不证明因果关系。"
    ),
    "est_r-squared": "每个数字估计决定系数：“{of}”的方差中与各变量相关的部分，介于0与1之间。",
    "est_concentration": (
        "这些数字估计“{of}”在{people}之间分布的不均程度：基尼系数（0为完全均等，1为集中于一位客户），"
        "以及最高的一部分客户所占份额。"
    ),
    "est_lorenz": ("每对数字为洛伦兹曲线上的一点：数值低于公开切点的{people}的占比，以及其所占总额的份额。"),
    "each_group": "各组分别计算。",
    "of_two": "“{first}”与“{second}”",
    # Comparisons
    "compared_difference": "差值",
    "compared_ratio": "比值（1为相等）",
    "compared_index": "指数（100为相等）",
    "compared_base": "每个数字为{how}：该组与“{base}”相比。",
    "compared_previous": "每个数字为{how}：该组与前一组相比。",
    "compared_total": "每个数字为{how}：该组与全部各组合计相比。",
    "part_title": "{title} · {part}",
    "part_customers": "人数",
    "part_rows": "记录条数",
    "part_total": "总额",
    "part_mean-per-customer": "人均值",
    "part_mean-per-row": "每条平均值",
    "part_share-of-customers": "人数占比",
    "part_share-of-rows": "记录占比",
    "part_share-of-step": "占上一步骤的比例",
    "part_share-of-figure": "占公开数字的比例",
    "part_share-of-cohort": "占同期群的比例",
    "part_ratio-of-sums": "总额之比",
    "part_coefficient": "回归系数",
    "part_r-squared": "决定系数",
    "part_concentration": "基尼系数与最高部分的份额",
    "part_lorenz": "洛伦兹曲线",
    "part_difference": "差值",
    "part_ratio": "各组之比",
    "part_index": "指数",
    "part_numbers": "数值",
    "axis_age": "经过期数",
    "axis_step": "步骤",
    "intercept": "截距",
    "quantile_key": "{percent}%分位数",
    "bin_below": "低于{high}",
    "bin_between": "{low}至{high}以下",
    "bin_from": "{low}及以上",
    "people_party": "{party}客户",
    "people_shared": "{first}与{second}共同客户",
    "people_any": "{first}或{second}客户",
    "column_of": "{table}的{column}",
    "where": "仅包含满足以下条件的客户：{condition}。",
    "rows_where": "仅包含满足以下条件的记录：{condition}。",
}
