"""``python -m benchmarks.study``: more slots of the study, and what all of them say."""

import sys

from benchmarks.study.study import run

sys.exit(run())
