"""The command ``putback``: becomes the binary of this package."""

import os
import sys

from putback import binary


def main() -> None:
    os.execv(binary(), ["putback", *sys.argv[1:]])


if __name__ == "__main__":
    main()
