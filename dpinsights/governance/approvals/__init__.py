"""Who agreed to what: locks, signatures over them, and the rule that says when there are enough.

`lock` holds all that a report's numbers and pages come from, as canonical bytes; `approval` signs its digest under a
role and decides whether the signatures at hand are enough; `trust` reads whose keys count, `counting` counts them,
`succession` goes from one trust file to the next. `envelope` (DSSE) and `statement` (in-toto) are the formats, `keys`
makes signatures, `differences` and `describing` put locks into words. Nothing here opens a source, a ledger or a release.
"""
