"""Chinese phrases: terms of a report, and what ties its page to its approval and the ledger."""

from __future__ import annotations

from collections.abc import Mapping

TERMS: Mapping[str, str | Mapping[str, str]] = {
    "terms": "用途与条件",
    "receipt_lock": "锁定文件摘要",
    "receipt_signatures": "签署人",
    "receipt_ledger": "账本位置",
    "receipt_check": "核验方法",
    "ledger_entry": "第{seq}条，{hash}",
    "signed_as": "{person}（{role}）",
    "signed_as_of": "{person}（{role}，{party}）",
    "signed_owner": "数据负责人",
    "signed_compliance": "合规",
    "signed_author": "作者",
    "term_purpose": "用途",
    "term_legal_basis": "法律依据",
    "term_impact_assessment": "影响评估",
    "term_security_assessment": "安全评估",
    "term_data_owners": "数据负责人",
    "term_retention": "保存期限",
    "term_onward_sharing": "转交规则",
    "term_linkage": "关联方式与密钥",
    "term_unprotected": "未加噪声公布的内容",
    "term_other_releases": "其他发布",
    "term_preparation": "事先处理",
    "term_access": "访问权限",
    "term_releases": "发布次数",
    "term_output_class": "报告等级",
    "term_contact": "联系方式",
}
