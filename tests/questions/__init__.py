"""The thirty questions, each answered from a report, from Python and by plain SQL over one made-up population."""
