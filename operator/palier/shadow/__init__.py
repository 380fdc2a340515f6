"""The shadow proxy sends copies of users' requests to both versions and compares the answers, off the users' path."""
