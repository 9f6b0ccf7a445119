"""Step 1, define: from YAML or Python to frozen values that are checked against their contract.

`reading` takes YAML apart, exactly and with places; `validation` turns it into documents; `loading` does both and all
checks. `expressions` turns texts into nodes through a whitelist, with `typed`, `dates`, `ranges` and `building` for
types, ranges and canonical form; `naming` finds what a name means. `features`, `queries` and `resolving` resolve a
contract, a query and a report. `python` makes queries in a notebook, `schemas` serves editors, `starting` begins a
partnership.
"""
