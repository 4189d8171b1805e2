"""Pictures of every kind, and what drawing them takes beside what was expected."""

import json
import subprocess
import sys
from typing import Any

from tasks.thumbnail.variants import PRESETS
from tests.support.pictures import encoded, scene
from tests.support.thumbnail.drawing import Renderer

MEASURE = """
import json, pathlib, re, sys
from tasks.thumbnail.imaging import opened, render
from tasks.thumbnail.variants import variants_of
from tests.support.thumbnail.drawing import LIMITS, silent

def megabytes(line):
    return int(re.search(line + r":\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) / 1024

source, folder, engine, variants, truncated = sys.argv[1:]
variants = [variant.model_dump() for variant in variants_of(json.loads(variants))]
LIMITS["draw_truncated"] = int(truncated)
with opened(source, variants, LIMITS, with_vips=engine == "vips") as found:
    estimate = found.memory_mb
pathlib.Path("/proc/self/clear_refs").write_text("5")
before = megabytes("VmRSS")
render(source, folder, variants, LIMITS, engine, report=silent)
print(estimate, megabytes("VmHWM") - before)
"""

KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "jpeg": ("JPEG", "RGB", {}),
    "progressive jpeg": ("JPEG", "RGB", {"progressive": True, "subsampling": "4:4:4"}),
    "png": ("PNG", "RGB", {"compress_level": 1}),
    "transparent png": ("PNG", "RGBA", {"compress_level": 1}),
    "palette png": ("PNG", "P", {"compress_level": 1}),
    "webp": ("WEBP", "RGB", {"method": 0}),
    "avif": ("AVIF", "RGB", {"speed": 10}),
    "heic": ("HEIF", "RGB", {"enc_params": {"preset": "ultrafast"}}),
    "tiff": ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    "gif": ("GIF", "P", {}),
}


LINEAR = [{**one.model_dump(), "resize": "linear"} for one in PRESETS["default"]]


def estimated_and_taken(renderer: Renderer, data: bytes, variants: Any = "default", *, truncated: bool = False) -> Any:
    """Megabytes that drawing it is expected to take, and that it takes."""
    renderer.source.write_bytes(data)
    command = [sys.executable, "-c", MEASURE, str(renderer.source), str(renderer.drawn), renderer.engine]
    done = subprocess.run(
        [*command, json.dumps(variants), str(int(truncated))], capture_output=True, text=True, check=True
    )
    return map(float, done.stdout.split())


def sample(kind: str, size: tuple[int, int] = (4000, 3000)) -> bytes:
    name, mode, options = KINDS[kind]
    picture = scene(500, 375).convert("RGBA" if mode == "RGBA" else "RGB")
    if mode == "RGBA":
        picture.putalpha(128)
    return encoded(picture.resize(size).convert(mode), name, **options)
