"""Do users notice a shadow? Their latency without copies, and with a fifth and all of their requests copied."""
