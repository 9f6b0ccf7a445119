"""The Chinese phrases, key for key as in English.

Glossary: differential privacy 差分隐私, privacy budget 隐私预算, noise 噪声, estimate 估计值,
95% interval 95%区间, protected unit 受保护单位, margin 误差范围, mechanism 机制,
sensitivity 敏感度, account map 账户映射.
"""

from __future__ import annotations

from collections.abc import Mapping

from dpinsights.reporting.phrases.zh_estimates import ESTIMATES
from dpinsights.reporting.phrases.zh_statement import STATEMENT
from dpinsights.reporting.phrases.zh_terms import TERMS

CHINESE: Mapping[str, str | Mapping[str, str]] = {
    # Marks
    "mark_synthetic": "虚构人群数据",
    "mark_synthetic_more": "这些客户由计算机生成，本报告中的任何数字都不描述真实人群。",
    "mark_exploration": "探索性结果",
    "mark_exploration_more": "本结果仅供探索，未经任何人批准，不提供给任何一方，请勿转发。",
    "mark_unapproved": "未经批准",
    "mark_unapproved_more": "本报告尚未获准提供给其受众，请勿转发。",
    "marked_title": "【{mark}】{title}",
    # Head
    "kind": "差分隐私客户报告",
    "audience": "受众",
    "audience_exploration": "探索",
    "period": "数据期间",
    "released": "发布日期",
    "parties": "合作双方",
    "edition": "报告",
    "edition_text": "{report}，第{version}版",
    "and": "{first}与{second}",
    "dates": "{first}至{last}",
    "contents": "目录",
    "introduction": (
        "本报告中的所有数字均为估计值。为保护客户，数字中有意加入了随机噪声，任何人都无法据此判断某一位客户是"
        "否在数据之中。"
        "条形上的横线和±之后的数字表示噪声可能造成的偏离：{confidence}的此类区间包含未加噪声的结果。"
    ),
    "headlines": "要点",
    "headline_all": "总体",
    "headline_largest": "{group}：{n}组中估计值最大",
    "headline_note": "多个带噪声的估计值中，最大者往往略微偏高。",
    "results": "结果",
    **ESTIMATES,
    # Conditions
    "c_and": "{left}，且{right}",
    "c_or": "{left}，或{right}",
    "c_not": "并非（{inner}）",
    "c_nested": "（{inner}）",
    "c_=": "“{name}”为{value}",
    "c_<>": "“{name}”不为{value}",
    "c_<": "“{name}”小于{value}",
    "c_<=": "“{name}”不超过{value}",
    "c_>": "“{name}”大于{value}",
    "c_>=": "“{name}”不低于{value}",
    "c_before": "“{name}”早于{value}",
    "c_until": "“{name}”不晚于{value}",
    "c_after": "“{name}”晚于{value}",
    "c_from": "“{name}”不早于{value}",
    "c_in": "“{name}”为{values}之一",
    "c_not_in": "“{name}”不为{values}中任何一项",
    "c_between": "“{name}”介于{low}与{high}之间",
    "c_null": "“{name}”缺失",
    "c_not_null": "“{name}”已知",
    "c_true": "符合“{name}”",
    "c_other_name": "“{name}”",
    "c_text": "“{text}”",
    "c_list": "、",
    # Limits and notes under a result
    "groups_limited": "每位客户至多计入{n}个组，其余各组不计。",
    "rows_limited": "每位客户至多使用{n}条记录，其余记录不计。",
    "limit_bias": "数字描述的是施加该限制之后的数据；区间不包含未计入部分的影响。",
    "bounds_customer": "每位客户在一个组内的贡献按不低于{low}、不高于{high}计算。",
    "bounds_value": "每位客户的数值按不低于{low}、不高于{high}计算。",
    "bounds_row": "每条记录的数值按不低于{low}、不高于{high}计算。",
    "bounds_bias": "超出范围的数值按最近的界限计入，数字可能因此偏向界限；区间不包含这一偏差。",
    "bounds_first": "“{of}”按不低于{low}、不高于{high}计算；与之相关的其他数值各有界限。",
    "bounds_variables": "各变量按各自声明的界限计算。",
    "clipped": "数值限于{low}至{high}之内，可能使结果有偏差",
    "clipped_somewhere": "数值限于声明的界限之内，可能使结果有偏差",
    "unit_clipped": "{unit} · {clipped}",
    "values_limited": "每位客户至多计入{n}项，其余各项不计。",
    "note_between-cuts": "由公开切点之间读出：精细程度以切点为限，两切点之间为插值。",
    "note_discovered": "各项事先未知，以差分隐私方式发现：罕见项被略去，未列出的项仍可能存在。",
    "note_threshold": "仅列出带噪声计数高于{n}的项；接近该阈值的项，其区间包含真实计数的频率低于所述。",
    "note_suppressed": (
        "“不予显示”表示该组的带噪声计数低于最小分组（{n}），或可由该数字推算出此类数字。区间的置信度是对所有组而言；"
        "在数字已予显示的条件下区间包含真值的频率，此处不作说明。"
    ),
    "note_no_keys": "没有任何项的带噪声计数高于阈值。",
    "note_rank": (
        "每个值都是随机选出的公开切点，越接近者越可能被选中。在每一组中，低于该值的客户数与所示比例之差，"
        "至多比最佳切点多{n}人，该组所有值同时成立的置信度为{confidence}%。这些值本身没有区间：所列为声明的范围。"
    ),
    "note_concentration": "总额在区间段内如何分布并不可知：区间包含所有可能的分布方式。",
    "note_pairs": "两项不分先后，因此每对只列一次。",
    "cut_at_zero": "此处数字不可能为负；区间在0处截断。",
    "margin_wanted": "要求的误差范围为±{wanted}。",
    "overlap": "同一客户可能属于多个组，因此各组相加不等于客户人数。",
    "flag_missed-forecast": "误差范围大于计划。",
    "flag_changed-by-consistency": (
        "经过移动以使各数字一致：数字不为负；只会下降的数字不会逐步骤或逐期上升。"
    ),
    "flag_consistent": "已调整，使之与本报告中统计相同客户的其他表相加一致，区间因此变窄。",
    "flag_significant": "在本报告的全部检验中显著。",
    "alarm": "本应相加一致的各表之间的差异超出噪声所能解释的范围。此处按原样列出；依据这些数字之前，请先查明原因。",
    # Tests
    "test_difference": "差异检验",
    "test_trend": "沿“{last}”的趋势检验",
    "test_independence": "“{first}”与“{last}”的独立性检验",
    "tests_caption": "{title}：检验，计入噪声与抽样的方差。",
    "tests_note": (
        "本报告共有{n}项检验；“显著”指以Benjamini-Hochberg方法在{level}水平上从全部检验中得到的发现。"
        "检验所问的是：从同一总体中另抽一批客户，是否会得到同样的结果。"
    ),
    "statistic": "统计量",
    "statistic_z": "z = {number}",
    "statistic_chi_square": "χ²({degrees}) = {number}",
    "p_value": "p值",
    "less_than": "< {number}",
    "verdict": "结论",
    "verdict_found": "有发现：显著",
    "verdict_not_found": "未发现",
    "verdict_none": "噪声过大，无法检验",
    "flags": "标记",
    # Numbers
    "range": "{low}至{high}",
    "plus_minus": "±{margin}",
    "value_and_margin": "{value}±{margin}",
    "near_zero": "与0无法区分（至多{high}）",
    "near_zero_below": "与0无法区分（噪声使其低于0）",
    "near_zero_noise": "噪声低于0",
    "near_zero_range": "与{null}无法区分（{interval}）",
    "near_zero_mark": "≈ {null}",
    "near_zero_most": "≤ {high}",
    "near_zero_legend": "“≈”表示与其后的数无法区分，其下为区间或其上端。",
    "no_limit": "无界限",
    "no_lower_limit": "不高于{high}，无下限",
    "no_upper_limit": "不低于{low}，无上限",
    "value_and_interval": "{value}（{interval}）",
    "too_wide": "区间过宽，无法判断",
    "suppressed": "不予显示",
    "estimate": "估计值",
    "margin": "误差范围",
    "interval": "{confidence}区间",
    "group": "分组",
    "per_cent": "{number}%",
    "points": "个百分点",
    "with_unit": "{number}{unit}",
    # Units
    "unit": "单位：{unit}",
    "unit_customers": "人",
    "unit_rows": "条",
    "unit_share": "%，误差范围为百分点",
    "unit_number": "数值",
    "unit_scaled": "{scale}{unit}",
    "unit_ratio": "比值，1为相等",
    "unit_index": "指数，100为相等",
    "unit_coefficient": "变量每增加一个单位对应的{unit}；截距的单位为{unit}",
    "unit_ratio-of-sums": "比值",
    "unit_coefficient_plain": "变量每增加一个单位对应的变化",
    "unit_correlation": "相关系数，-1至1",
    "unit_r-squared": "决定系数，0至1",
    "unit_concentration": "基尼系数为0至1；份额为%",
    "unit_CNY": "元",
    "scale_3": "千",
    "scale_4": "万",
    "scale_6": "百万",
    "scale_8": "亿",
    "scale_9": "十亿",
    # Charts and tables
    "chart_title": "{title}：{panel}",
    "chart_describes": "条形表示估计值，横线表示{confidence}区间。下方表格列出相同的数字。",
    "chart_key": "条形：估计值。横线：噪声的{confidence}区间。",
    "chart_key_dots": "圆点：估计值。横线：噪声的{confidence}区间。",
    "chart_key_base": "圆点：估计值。横线：噪声的{confidence}区间。竖线：{null}，即无差异。",
    "chart_line": "曲线：累计值。色带：噪声的{confidence}区间。",
    "chart_lorenz": "横向：客户占比，由低到高。纵向：总额份额。方框：{confidence}区间。虚线：完全均等。",
    "chart_shading": "表格底色深浅表示估计值大小。",
    "chart_none": "分组过多，不再绘图；表格底色深浅表示估计值大小。",
    "chart_first": "图中按定义顺序显示前{n}组，表格列出全部。",
    "table_caption": "{title}：估计值与{confidence}区间。{unit}。",
    "shading": "底色越深，估计值越大。",
    "group_join": " · ",
    **STATEMENT,
    **TERMS,
}
