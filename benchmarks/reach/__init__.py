"""How often a candidate that gets its share is said not to be reached, and how soon one that gets nothing is found."""
