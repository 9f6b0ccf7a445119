"""Step 7: what is shown of a release. Pure functions of releases (and, in notebooks, of plans and balances).

`documents` renders pages, `data` writes and reads JSON and CSV, `files` puts them on disk at once or not at
all, `notebook` makes fragments. `words` holds all language, `view` what templates see, `fragments` what they
may emit.
"""
