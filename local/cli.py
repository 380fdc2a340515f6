"""tmp."""
import sys
from local import build
def main() -> int:
    build.ensure(build.named(sys.argv[2:]))
    return 0
