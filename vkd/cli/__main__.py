"""`python -m vkd.cli`."""

import sys

from vkd.cli import main

sys.exit(main())
