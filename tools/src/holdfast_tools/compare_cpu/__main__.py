"""Lets `python -m holdfast_tools.compare_cpu` run the command."""

import sys

from holdfast_tools.compare_cpu.cli import main

sys.exit(main())
