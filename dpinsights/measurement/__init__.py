"""Where rows live: from sources to exact vectors that work once, and from those to noisy ones.

`reading`: a stored column to whole numbers. `nodes`: our expressions as SQL. `reader`: tables as
rows of whole numbers. `one_row`, `rows`: what a customer has in a table. `customers`: the per-customer table.
`relations`: bounded contributions and their sums. `aggregation`: the exact vectors of a plan. `exact`: a vector that
can be taken once and never printed. `privatizing`: noise. `engines`: the port to what runs SQL.

Nothing data-dependent leaves this room without noise: no count, key, size, order, duration, log line or error text.
"""
