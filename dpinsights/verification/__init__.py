"""Checking a release with nothing but its folder, the trust file and an earlier receipt.

`verifying.verify` runs every check and gives back findings; `folder` reads the files, `evidence` what they hold. A check
is a function from the evidence to findings: `receipts` (signature, digests, facts), `permission` (who approved what),
`books` (the chain, the sums, this run), `spending` (losses and epsilon), `pages` and `tables` (each number formatted
again). Nothing here opens a ledger, a source or a state directory.
"""
