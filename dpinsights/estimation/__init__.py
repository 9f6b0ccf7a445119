"""From noisy vectors to estimates with intervals: post-processing, which costs nothing and sees no row.

`discrete`: the discrete Gaussian's tail, exactly. `intervals`: of a sum and of a ratio. `estimates`: a plan's queries.
"""
