"""What the promises rest on: SQL equals the oracle, neighbours stay within bounds, and seeded bugs are caught."""
