"""A second implementation of docs/formulation.md in plain Python, and made-up inputs to run it on.

`oracle`: the rules. `schemas`, `databases`, `files`, `relations`: random inputs.
`neighbours`: distances, locality.
Of the package only `dpinsights.model` is imported: no engine's fault is shared.
"""
