"""The thirty lines that people write: FastAPI, arq, and Pillow's thumbnail() once for each size.

`server` and `work` are its two processes. PORT, REDIS_URL, UPLOADS, SIDES; ARQ_POLL_DELAY as for with_arq.py.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import uvicorn
from arq import create_pool, run_worker
from arq.connections import RedisSettings
from arq.jobs import Job
from fastapi import FastAPI, Request
from PIL import Image, ImageOps

SERVER = RedisSettings.from_dsn(os.environ["REDIS_URL"])
SIDES = [int(side) for side in os.environ["SIDES"].split(",")]
POLL_DELAY = float(os.environ.get("ARQ_POLL_DELAY", "0.5"))
app = FastAPI()


@app.post("/images", status_code=202)
async def upload(request: Request) -> dict[str, str]:
    path = Path(os.environ["UPLOADS"]) / uuid4().hex
    await asyncio.to_thread(path.write_bytes, await request.body())
    job = await (await pool()).enqueue_job("thumbnails", str(path))
    assert job is not None
    return {"id": job.job_id}


@app.get("/images/{job_id}")
async def finished(job_id: str) -> dict[str, Any]:
    return {"files": await Job(job_id, await pool()).result(poll_delay=0.01)}


async def pool() -> Any:
    if not hasattr(app.state, "pool"):
        app.state.pool = await create_pool(SERVER)
    return app.state.pool


def draw(path: str, side: int) -> str:
    with Image.open(path) as picture:
        picture.thumbnail((side, side))
        file = f"{path}-{side}.jpg"
        ImageOps.exif_transpose(picture).save(file, quality=80)
        return file


async def thumbnails(ctx: dict[Any, Any], path: str) -> list[str]:
    files = [await asyncio.to_thread(draw, path, side) for side in SIDES]
    await ctx["redis"].incr("done")
    return files


class Settings:
    functions: ClassVar = [thumbnails]
    redis_settings = SERVER
    poll_delay = POLL_DELAY
    max_jobs = os.cpu_count()


if __name__ == "__main__":
    if sys.argv[1] == "work":
        run_worker(Settings)  # type: ignore[arg-type]
    else:
        uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning", access_log=False)
