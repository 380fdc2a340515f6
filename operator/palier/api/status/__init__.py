"""What users read: the parts of `status`; `conditions` has conditions and their times, `values` the shared types."""
