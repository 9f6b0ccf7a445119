"""The nouns: frozen, hashable, serialisable, without input or output.

`names`, `numbers`, `canonical`: texts in several languages, exact numbers, canonical bytes and digests.
`contract`, `report`, `policy`, `sources`: the documents that people write, field for field.
`expressions`, `values`: a customer's values as integers: the nodes, and what is known of their range.
`plan`: relations, measurements and the plan. `release`: what came out.
"""
