"""One pass over one ModelDeployment: what it carries out, in which order, and what a process remembers of it."""
