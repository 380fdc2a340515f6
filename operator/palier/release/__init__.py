"""The life of a release as pure functions: memory + observations + evidence + clock → what happens next."""
