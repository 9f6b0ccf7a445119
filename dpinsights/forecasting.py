"""A year of promised reports, charged in thought: which month runs out first, of which account."""
