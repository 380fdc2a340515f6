"""Golden answers: requests whose good answers are known, asked of a candidate before any user meets it."""
