"""The endpoint that a user would write without us: FastAPI and arq, a file on disk, no record, no keys, no checks."""

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from arq import create_pool
from arq.connections import RedisSettings
from fastapi import FastAPI, HTTPException, Request


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.folder = Path(os.environ["UPLOADS"])
    app.state.queue = await create_pool(RedisSettings.from_dsn(os.environ["REDIS_URL"]))
    yield
    await app.state.queue.aclose(close_connection_pool=True)


app = FastAPI(lifespan=lifespan)


@app.post("/v1/images", status_code=202)
async def post_image(request: Request) -> dict[str, str]:
    path = request.app.state.folder / uuid.uuid4().hex
    path.write_bytes(await request.body())
    job = await request.app.state.queue.enqueue_job("thumbnail", str(path))
    if job is None:
        raise HTTPException(409)
    return {"id": job.job_id}
