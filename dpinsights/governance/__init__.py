"""Who may learn how much: the accountant decides, the ledger stores, the chain makes edits evident.

`accountant` holds the rules and does nothing; `ledger` is a port whose implementations do the effects in one
transaction; `chain` links the entries by hash; `books` adds them up again, independently of the tables.
"""
