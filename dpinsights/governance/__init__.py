"""Who may learn how much: the accountant decides, the ledger stores, the chain makes edits evident.

`accountant` holds the rules and does nothing; `ledger` is a port whose implementations do the effects in one
transaction; `chain` links the entries by hash, `acts` writes their bodies and `reading` reads them; `books` adds them up
again, independently of the tables, and `spending` says from them what a release states. `periods` is the calendar's
arithmetic, `approvals` decides who has agreed to what, `doctor` explains a ledger to its operator.
"""
