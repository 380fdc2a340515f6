"""The only code that talks to Prometheus: raw samples in, counts by revision out.

- `prometheus`, `connection`, `body`: raw samples with hard limits of time and size; credentials from files
- `looks`, `news`, `owners`, `answers`: the fleet's looks; which releases cannot wait after one; whose series is whose
- `inquiries`, `asking`: what is asked for which releases, and in which order
- `prices`, `usage`, `running`: prices from a file and OpenCost; what pods used; the requests that the fleet answered
"""
