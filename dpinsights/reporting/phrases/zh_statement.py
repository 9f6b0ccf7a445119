"""The Chinese phrases of the privacy statement, the receipt, plans and balances."""

from __future__ import annotations

from collections.abc import Mapping

STATEMENT: Mapping[str, str | Mapping[str, str]] = {
    # Privacy statement
    "privacy": "隐私声明",
    "one_line": (
        "增加或移除一位客户及其在{first}与{second}的全部记录 · 数据期间{start}至{end} · 本报告：δ = "
        "{delta}时ε = {report}（ρ = {rho}） · "
        "{audience}累计：ε = {account}，上限{account_cap}{period} · 全部接收方累计：ε = "
        "{lifetime}，上限{lifetime_cap}"
    ),
    "one_line_period": "，其中{start}至{end}：ε = {spent}，上限{cap}",
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
    "discovery": "发现分组",
    "discovery_text": "事先未知的各项由发现得到，另需计入δ：本报告δ = {report}，{audience}累计δ = {account}。",
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
    "spending_period": "账户“{account}”在本周期（{start}至{end}）内已计费",
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
    "period_note": (
        "周期上限自{next}起重新计算。账户自身的上限与全部接收方的上限永不重新计算：已经看到的，不会因周期更替而"
        "变为未看到。"
    ),
    "period_reserved": "周期上限中，ε = {reserved}为已承诺的其他报告保留。",
    "amendment_line": "{day}：{account}，由{before}改为{after}",
    "amendment_cap": "ε = {cap}",
    "amendment_none": "无上限",
    "amendment_each_month": "{account}每月",
    "amendment_each_quarter": "{account}每季度",
    "amendment_each_year": "{account}每年",
    "amendment_signed": "{line}，经{n}人签署",
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
    "rank_margin": "名次{n}人",
    "role_value": "数值",
    "role_numerator": "分子",
    "role_denominator": "分母",
    "role_count": "客户人数",
    "role_first": "总和",
    "role_second": "平方和",
    "role_total": "各区间段的总和",
    "role_sum_of": "“{one}”的总和",
    "role_square_of": "“{one}”的平方和",
    "role_product_of": "“{one}”与“{other}”的乘积之和",
    "noise_of": "{title}：{role}",
    "mechanism_discrete-gaussian": "离散高斯",
    "mechanism_discrete-gaussian-with-a-threshold": "离散高斯，仅列出高于阈值者",
    "mechanism_exponential-mechanism": "指数机制，在公开切点中选取",
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
    "method_composite": "在均值区间内的所有均值下，方差的费勒区间之并（覆盖率高于所述）",
    "method_inverted-distribution": "带噪声的分布函数达到该分位数处两侧的公开切点",
    "method_chosen-cut": "由指数机制选出的公开切点；其误差范围以名次计",
    "method_mover": "由所比较的两个区间推得，视其噪声相互独立",
    "method_fieller-bounds": "费勒区间，并计入数值在公开区间段内所有可能的分布方式",
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
    "reading_suppressed": (
        "在不显示较小分组的表中，区间的置信度是对所有组而言；在数字已予显示的条件下区间包含真值的频率，此处不作说明。"
    ),
    "processing_1": (
        "分组、界限和限制均在读取任何数据之前声明。每个声明的组都有数字，空组亦然；没有任何组因规模而被略去。"
    ),
    "processing_1_smallest": (
        "分组、界限和限制均在读取任何数据之前声明。每个声明的组都列出，空组亦然；低于最小组（{n}）的组，其数字不予显示，"
        "是否显示只取决于带噪声的数字。"
    ),
    "processing_2": "对客户贡献的界限和限制可能使数字产生偏差。区间不包含这一偏差；各结果之下均有说明。",
    "processing_3": (
        "数字只印出其误差范围所支持的位数，数据文件保留全部位数。不可能为负的数字，其区间在零处截断。比值由带"
        "噪声的分子与分母得出。"
    ),
    "processing_discovered": "凡由发现得到的分组，罕见项被略去；略去哪些也取决于噪声。",
    "processing_consistent": (
        "统计相同客户的各表以最小二乘法在带噪声的数字上调整，使之相加一致；此过程不再使用任何数据。"
        "若差异超出噪声所能解释的范围，则保持原样。"
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
    "plan_no_forecast": "无法预估：以已知规模而言，噪声过大",
    "plan_rank": "名次±{n}人，在切点中选取",
    "plan_more_draws": "{first}，另有{n}项总和",
    "plan_median": "{margin}（各项的中位数）",
    "plan_total": "全部查询",
    "plan_left": "报告预算剩余",
    "plan_budget": "报告的隐私预算",
    "plan_charged": "其中尚需计费",
    "plan_free": "已测量：不再计费",
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
    "budget_period": (
        "{start}至{end}：已用ε {spent}，上限{cap}（ρ的{used}），自{next}起重新计算；上述上限永不重新计算"
    ),
    "budget_period_kept": "{line}；其中ε {kept}为已承诺的报告保留",
    "budget_caption": "各账户已用预算，以同一δ下的ε表示；条形表示ρ的占比。",
    "budget_lifetime": "全部接收方终身合计",
}
