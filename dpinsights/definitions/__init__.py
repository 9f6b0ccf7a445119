"""Step 1, define: from YAML or Python to frozen values that are checked against their contract.

    loading       documents and folders from files, with every check
    resolving     a contract, a query, a report: checked, and as nodes; their digests
    python        queries, reports and periods made in Python; short names made full
    schemas       JSON Schemas for editors
    init          a new partnership
    queries, features, recoding, absence      what resolving is made of
    aggregates, rows, periods                 features over rows: how they are made, which rows and which time count
    contract_checks                           what a contract's fields must be to each other
    expressions, refusals, dates, typed, building, ranges
                  texts to nodes through a whitelist: the language, what it leaves out, types, canonical form
    naming        what a name means
    validation    what was written to documents, pydantic's findings in our words
    reading       YAML, exact and with places
    places        faults and where they lie
"""
