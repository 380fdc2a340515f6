"""Whether a regression of one group of users is found, and named, although the total does not show it."""
