"""The `palier` command: it runs the operator, and lets people see and steer releases from a terminal.

- `main`, `terminal`, `plain`, `log`: what can be typed; the only door to the terminal; figures as numbers; the log
- `requests`, `page`, `advice`: abort, promote, retry and pause; what `status` prints, and what to do next for every
  reason
- `operate`: puts the operator together
- `plan`, `simulate`: `palier plan` and `palier simulate`
- `answers`, `answers_file`, `compare`, `texts`, `files`: `palier score` and `palier compare`, and the files that they
  read
- `examine`, `examine_plan`, `examine_page`, `loadtest`, `shadow`: golden answers, load tests and the shadow proxy by
  hand
"""
