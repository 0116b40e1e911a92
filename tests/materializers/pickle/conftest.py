"""Makes the modules of this folder that are no tests importable for its tests."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
