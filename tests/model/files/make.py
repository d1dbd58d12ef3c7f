"""Write the files of the format in force from the values beside them: python make.py

Each file is committed and never written again: what an older version wrote must keep loading. Run
this only where a new version of the format has come, and commit the new files beside the old.
"""

import json
from pathlib import Path

from mixtura import Mixture
from mixtura.model.storage import FORMAT

HERE = Path(__file__).parent

for family, values in json.loads((HERE / "values.json").read_text(encoding="utf-8")).items():
    path = HERE / f"format{FORMAT}_{family}.mixtura"
    if not path.exists():
        mixture = Mixture.of(**values, family=family)
        mixture.save(path, notes={"made of": "values.json", "numbers": [1, 2.5, None]})
