"""`python -m palier.presets`: print, write or check the page about presets."""

import sys

from palier.presets.page import main

if __name__ == "__main__":
    sys.exit(main())
