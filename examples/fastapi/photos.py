"""Photos in FastAPI: PRESSROOM_URL=… PRESSROOM_KEY=… WEBHOOK_SECRET=… uvicorn photos:app"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from pressroom_client import AsyncClient, PressroomError, SignatureError, verify_webhook

PAGE = """<!doctype html><input type="file" id="file"><p id="photos"></p>
<script>
  file.onchange = async () => {
    const { id } = await (await fetch("photos", { method: "POST", body: file.files[0] })).json();
    const urls = await (await fetch(`photos/${id}`)).json();
    for (const url of urls) photos.append(Object.assign(new Image(), { src: url }));
  };
</script>"""
MAX_BYTES = 20_000_000
pressroom = AsyncClient(os.environ["PRESSROOM_URL"], os.environ["PRESSROOM_KEY"])


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with pressroom:
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def page() -> HTMLResponse:
    return HTMLResponse(PAGE)


@app.post("/photos")
async def upload(request: Request) -> dict[str, str]:
    if int(request.headers.get("content-length", MAX_BYTES + 1)) > MAX_BYTES:
        raise HTTPException(413, f"A photo has at most {MAX_BYTES} bytes, and says its length.")
    job = await pressroom.submit_image(await request.body(), urls="public")
    return {"id": job.id}  # keep the id beside your user: who knows it sees the photo here


@app.get("/photos/{job_id}")
async def photo(job_id: str) -> list[str]:
    try:
        job = await pressroom.wait(job_id, timeout_s=20)
    except PressroomError as error:
        raise HTTPException(422, str(error)) from error
    return [file.url for file in job.files]


@app.post("/webhooks")
async def webhook(request: Request) -> Response:
    try:
        verify_webhook(await request.body(), request.headers, os.environ["WEBHOOK_SECRET"])
    except SignatureError:
        return Response(status_code=400)
    return Response(status_code=204)  # note the event here, by its id; do the work later
