"""What watches a promoted version: our detectors beside those of River, on the same seeded streams."""
