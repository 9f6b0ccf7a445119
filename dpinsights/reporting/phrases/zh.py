"""The Chinese phrases, key for key as in English.

Glossary: differential privacy 差分隐私, privacy budget 隐私预算, noise 噪声, estimate 估计值,
95% interval 95%区间, protected unit 受保护单位, margin 误差范围, mechanism 机制,
sensitivity 敏感度, account map 账户映射.
"""

from __future__ import annotations

from collections.abc import Mapping

CHINESE: Mapping[str, str | Mapping[str, str]] = {
    # Marks
    "mark_synthetic": "虚构人群数据",
    "mark_synthetic_more": "这些客户由计算机生成，本报告中的任何数字都不描述真实人群。",
    "mark_unapproved": "未经批准",
    "mark_unapproved_more": "本报告尚未获准提供给其受众，请勿转发。",
    "marked_title": "【{mark}】{title}",
    # Head
    "kind": "差分隐私客户报告",
    "audience": "受众",
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
    "est_share-of-customers_grouped": "每个数字估计该组内{people}中符合“{of}”的人数占比。",
    "est_share-of-customers_all": "该数字估计{people}中符合“{of}”的人数占比。",
    "est_share-of-rows_grouped": "每个数字估计该组内{people}的“{rows}”记录中符合“{of}”的占比。",
    "est_share-of-rows_all": "该数字估计{people}的“{rows}”记录中符合“{of}”的占比。",
    "people_party": "{party}客户",
    "people_shared": "{first}与{second}共同客户",
    "people_any": "{first}或{second}客户",
    "column_of": "{table}的{column}",
    "where": "仅包含满足以下条件的客户：{condition}。",
    "rows_where": "仅包含满足以下条件的记录：{condition}。",
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
    "margin_wanted": "要求的误差范围为±{wanted}。",
    "overlap": "同一客户可能属于多个组，因此各组相加不等于客户人数。",
    "flag_missed-forecast": "误差范围大于计划。",
    "flag_changed-by-consistency": "经过调整，使报告内各数字相互一致。",
    "flags": "标记",
    # Numbers
    "range": "{low}至{high}",
    "plus_minus": "±{margin}",
    "value_and_margin": "{value}±{margin}",
    "near_zero": "与0无法区分（至多{high}）",
    "near_zero_below": "与0无法区分（噪声使其低于0）",
    "near_zero_noise": "噪声低于0",
    "near_zero_range": "与0无法区分（{low}至{high}）",
    "near_zero_mark": "≈ 0",
    "near_zero_most": "≤ {high}",
    "near_zero_legend": "“≈ 0”表示与0无法区分，其下为可能的最大值。",
    "too_wide": "区间过宽，无法判断",
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
    "chart_none": "分组过多，不再绘图；表格底色深浅表示估计值大小。",
    "chart_first": "图中按定义顺序显示前{n}组，表格列出全部。",
    "table_caption": "{title}：估计值与{confidence}区间。{unit}。",
    "shading": "底色越深，估计值越大。",
    "group_join": " · ",
    # Privacy statement
    "privacy": "隐私声明",
    "one_line": (
        "增加或移除一位客户及其在{first}与{second}的全部记录 · 数据期间{start}至{end} · 本报告：δ = "
        "{delta}时ε = {report}（ρ = {rho}） · "
        "{audience}累计：ε = {account}，上限{account_cap} · 全部接收方累计：ε = "
        "{lifetime}，上限{lifetime_cap}"
    ),
    "unit_of_privacy": "受保护单位",
    "unit_customer": "一位客户：经关联的一个人，包括其在{first}与{second}所有表中任何时间的全部记录。",
    "adjacency": "相邻关系",
    "adjacency_add_remove": (
        "若增加或移除一位客户及其在双方的全部记录，所得的两个数据集即为相邻。说明哪些账户属于同一人的账户映射"
        "保持不变；"
        "因共用标识而被合并的人视为一位客户。"
    ),
    "account_map": "账户映射",
    "account_map_none": "无：双方使用相同的客户编号，一个编号即一位客户。",
    "measure": "保证",
    "measure_zcdp": (
        "零集中差分隐私（ρ），可在多份报告之间相加。ε是同一隐私损失在δ = {delta}时的表述；δ限定ε所给界限失效"
        "的可能。"
        "计入为发现分组保留的{discovery}后，同一ε在δ = {total}时成立。"
    ),
    "spending": "隐私损失",
    "spending_caption": "隐私损失：δ = {delta}时的ε以及ρ。占上限的比例按可相加的ρ计算，ε不能直接相加。",
    "spending_what": "项目",
    "spending_epsilon": "ε（δ = {delta}）",
    "spending_rho": "ρ",
    "spending_cap": "上限（ε）",
    "spending_used": "已用（ρ）",
    "spending_report": "本报告，改变一位客户的全部记录：映射(1)",
    "spending_report_two": "本报告，改变一位客户在一方的记录而另一方的记录已知：映射(2)",
    "spending_fresh": "其中本报告新抽取的噪声",
    "spending_account": "{audience}累计所见，账户“{account}”",
    "spending_lifetime": "本合作全部接收方累计",
    "map_note": (
        "映射(1)是增加或移除一位客户时的损失。映射(2)是一位客户在一方的全部记录改变、而其在另一方的记录已知时"
        "的损失："
        "相当于两步相邻，ρ最多为四倍。"
    ),
    "cap_note": (
        "所承诺的是上限，“累计”仅为当前合计。此处假定各接收方会合并各自所知。同属两个合作的客户受两个上限保护"
        "，损失相加。"
    ),
    "amendments": "上限的变更",
    "noise": "各表的噪声",
    "noise_caption": "各表的机制、尺度、敏感度、成本与误差范围。",
    "noise_table": "结果",
    "noise_mechanism": "机制",
    "noise_scale": "尺度σ",
    "noise_sensitivity": "一位客户的最大影响",
    "noise_cost": "ρ：映射(1)",
    "noise_cost_two": "ρ：映射(2)",
    "noise_margin": "误差范围",
    "role_value": "数值",
    "role_numerator": "分子",
    "role_denominator": "分母（计数）",
    "noise_of": "{title}：{role}",
    "mechanism_discrete-gaussian": "离散高斯",
    "noise_draws": "{mechanism}，合并{n}次抽取",
    "sensitivity": "{n}个单元格，每格至多{linf}；L2\u00a0{l2}",
    "sensitivity_in_all": "{n}个单元格，合计至多{linf}；L2\u00a0{l2}",
    "noise_note": (
        "共用同一测量的表共用一次抽取，只计费一次，因此本表成本相加可能超过报告成本。尺度以该表的单位表示。"
    ),
    "methods": "区间的计算方法",
    "method_discrete-gaussian": "离散高斯噪声的精确尾概率",
    "method_combined-gaussian": "多次抽取按方差倒数合并后的正态近似",
    "method_fieller": "两个带噪声之和的比值的费勒区间，限于声明的界限之内",
    "method_box": "分子与分母各自区间内的所有比值（覆盖率高于所述）",
    "method_line": "{method}：{tables}。",
    "reading": "如何理解区间",
    "reading_1": (
        "区间只反映噪声：以此方式给出的数字中，{confidence}的区间包含在同一数据快照上、以相同界限和限制计算而"
        "未加噪声的结果。"
    ),
    "reading_2": (
        "区间相互重叠的两个数字可能相等。区间不是检验：它不说明换一批客户或换一个时期数字会有多大差别。"
    ),
    "reading_3": "“{near_zero}”表示区间包含零。“{too_wide}”表示噪声相对于该组过大，数字不含信息。",
    "processing": "对带噪声数字的处理与偏差",
    "processing_1": (
        "分组、界限和限制均在读取任何数据之前声明。每个声明的组都有数字，空组亦然；没有任何组因规模而被略去。"
    ),
    "processing_2": "对客户贡献的界限和限制可能使数字产生偏差。区间不包含这一偏差；各结果之下均有说明。",
    "processing_3": (
        "数字只印出其误差范围所支持的位数，数据文件保留全部位数。不可能为负的数字，其区间在零处截断。比值由带"
        "噪声的分子与分母得出。"
    ),
    "unprotected": "不受保护的内容",
    "unprotected_1": "报告何时生成、计算耗时多久。",
    "unprotected_2": "一方已知的成员身份：各方本来就知道自己的客户是谁。",
    "unprotected_3": "账户关联有误的人：未能合并的账户按多位客户计算。",
    "unprotected_4": "滥用原始数据访问权限的操作人员。",
    "unprotected_5": "同一数据的其他未采用差分隐私的发布。",
    "unprotected_6": "关于群体整体的事实：适用于众多客户的规律可以被获知，并用于与之相似的任何人。",
    "unprotected_7": "本声明不构成关于匿名化的法律结论。",
    # Receipt
    "receipt": "凭证",
    "receipt_release": "发布编号",
    "receipt_report": "报告",
    "receipt_contract": "合约",
    "receipt_partnership": "合作编号",
    "receipt_contract_digest": "合约摘要",
    "receipt_measurement_digest": "测量摘要",
    "receipt_reader_digest": "读者摘要",
    "receipt_origin": "数据来源",
    "receipt_approval": "批准情况",
    "receipt_versions": "版本",
    "receipt_cost": "成本（账本单位，1e-12 ρ）",
    "origin_synthetic": "虚构人群数据",
    "origin_real": "双方数据",
    "approved": "已批准",
    "not_approved": "未经批准",
    # Notebook: plan and budget
    "plan": "{report}的计划",
    "plan_reads_nothing": "未读取任何数据，未使用任何预算。",
    "plan_query": "查询",
    "plan_cost": "成本ε",
    "plan_share": "占预算",
    "plan_scale": "噪声尺度",
    "plan_margin": "预期误差范围",
    "plan_any_size": "±{margin}",
    "plan_for_size": "{customers}位客户时±{margin}",
    "plan_no_forecast": "取决于各组规模",
    "plan_total": "全部查询",
    "plan_left": "报告预算剩余",
    "plan_budget": "报告的隐私预算",
    "plan_shared": "与{queries}共用一次抽取，只计费一次",
    "plan_caption": "各查询的成本与预期误差范围；ε对应δ = {delta}。",
    "plan_additive": "ε不能直接相加；占比按可相加的ρ计算。",
    "budget": "隐私预算",
    "budget_spent": "已用",
    "budget_left": "剩余",
    "budget_cap": "上限",
    "budget_more": "约可再进行{n}次与上次相同的查询",
    "budget_none": "余额不足以再进行一次与上次相同的查询",
    "budget_line": "{account}：已用ε {spent}，上限{cap}（ρ的{used}）",
    "budget_line_more": "{line}，{more}",
    "budget_caption": "各账户已用预算，以同一δ下的ε表示；条形表示ρ的占比。",
    "budget_lifetime": "全部接收方终身合计",
}
