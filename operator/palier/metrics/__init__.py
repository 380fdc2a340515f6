"""The only code that talks to Prometheus: raw samples in, counts by revision out.

- `prometheus`, `connection`, `body`: raw samples with hard limits of time and size; credentials from files
- `looks`, `news`, `owners`, `answers`: the fleet's looks; which releases cannot wait after one; whose series is whose
- `matchers`, `inquiries`, `asking`: which series are meant; what is asked for whom; whose turn it is to be asked for
- `prices`, `usage`, `running`: prices from a file and OpenCost; what pods used; the requests that the fleet answered
"""
