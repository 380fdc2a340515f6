"""The main job told as a story: a light model replaces a heavy one, bad versions are sent back, growth is planned.

The demonstration runs the real thing and measures it from outside, as users would: every answer of a steady stream of
requests is recorded, and the closing table is computed from those answers and from the gateway's route, not from what
Palier says about itself. Only the costs of the plan are Palier's own numbers: nobody has paid them yet.
"""
