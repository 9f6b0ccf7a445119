"""From resolved queries and a budget to a plan; no data is read.

`measurements`: which vectors a query needs. `allocation`: what each may cost. `forecasts`: the margins to expect.
`planning`: the three in order.
"""
