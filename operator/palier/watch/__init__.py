"""What goes on being watched after a promotion; pure: counts come in, findings come out."""
