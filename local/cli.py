"""tmp."""
import sys
from local import build, lifecycle
def main() -> int:
    if sys.argv[1]=='build': build.ensure(build.named(sys.argv[2:]))
    if sys.argv[1]=='up': lifecycle.up(gateway='--without-gateway' not in sys.argv, control_plane_only='--control-plane-only' in sys.argv)
    if sys.argv[1]=='down': lifecycle.down()
    return 0
