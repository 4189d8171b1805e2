"""`python -m tools.demo`, which `bin/demo` runs."""

import sys

from tools.demo.demo import main

sys.exit(main())
