"""The `palier` command: it runs the operator, and lets people see and steer releases from a terminal."""
