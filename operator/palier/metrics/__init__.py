"""The only code that talks to Prometheus: raw samples in, counts by revision out."""
