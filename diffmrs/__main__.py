"""`python -m diffmrs`."""

import sys

from diffmrs.cli import main

sys.exit(main())
