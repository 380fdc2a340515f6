"""How often a service that keeps its objective wakes somebody, and how long one that does not goes unnoticed."""
