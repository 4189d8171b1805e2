"""Submit an image with an upload token: one file, drawn and noted as the token says."""

from contextlib import aclosing

from fastapi import Request, Response

from api.http.answers import json_of
from api.http.body import FORM_OVERHEAD_BYTES, check_length, chunks_of, counted, whole
from api.http.caller import Caller
from api.http.checks import Checks
from api.http.json_body import JSON_TYPE, parse
from api.http.multipart import Multipart
from api.images.variants import read_variants
from api.jobs.submitted import RETRY_AFTER_S
from api.jobs.views import path_of
from api.uploads.receive import FormUploads, Upload, receive_raw
from api.uploads.token_limits import TokenFormFields, TokenUpload, check_options, check_target, refuse_fields
from tasks.accounts.tokens import token_text
from tasks.accounts.tokens.upload_tokens import UploadToken
from tasks.queue.jobs.submission import Submitted
from tasks.queue.records.record import new_id
from tasks.refusal import Refusal
from tasks.thumbnail.kind import THUMBNAIL
from tasks.thumbnail.params import ThumbnailParams

RAW_TYPES = ("image/", "application/pdf", "application/octet-stream", "binary/octet-stream", "*/*")
"""How the Content-Type of an image may begin; some clients send the last two for want of a better one."""
DEFAULT_TYPE = "application/octet-stream"


async def submit_by_token(request: Request, caller: Caller, token: UploadToken) -> Response:
    """Make a job of the one image in a request, as its upload token says.

    Args:
        request: The request.
        caller: Its sender.
        token: What it has come with.

    Raises:
        Refusal: `token_forbids`, `token_used`, and what any submit of an image is refused with.
    """
    check_target(token, "images")
    checks = Checks()
    name = check_options(request, checks)
    if caller.idempotency_key is None:  # with one, the job may exist already
        caller.check_room()
    await caller.check_bytes(request.headers.get("content-length"))
    image = await _receive(request, caller, token, checks)
    return respond_by_token(token, await accept_image(caller, token, Upload(image.blob, name or image.name)))


async def accept_image(caller: Caller, token: UploadToken, image: Upload, *, upload_id: str | None = None) -> Submitted:
    """Make a job of an image that is stored. It takes one use of the token, unless its upload has.

    Args:
        caller: The sender.
        token: What it has come with.
        image: The image.
        upload_id: The upload in parts as which it came; None if it came with this request. An upload is one job.

    Raises:
        Refusal: As `submit_by_token`.
    """
    chosen = await read_variants(caller, token.grant.variants or "default")
    params = ThumbnailParams(
        upload=image.blob, variants=chosen.variants, preset=chosen.preset, watermarks=dict(chosen.watermarks)
    )
    job_id = new_id()
    submission = caller.submission(
        THUMBNAIL,
        params.model_dump_json(exclude_none=True),
        blobs=tuple(blob.sha256 for blob in (image.blob, *chosen.watermarks.values())),
        name=image.name,
        received={} if upload_id else {image.blob.sha256: image.blob.bytes},
        idempotency_key=f"upload:{upload_id}:images" if upload_id else caller.idempotency_key,
        metadata=token.grant.metadata,
        tags=token.grant.tags,
        job_id=job_id,
        viewer=token_text.digest_of(token_text.job_token(job_id, token.salt)),
        minter=token.minter,
        upload_token=token.id,
        token_upload=upload_id,
    )
    return await caller.context.enqueuer.enqueue(submission)


async def _receive(request: Request, caller: Caller, token: UploadToken, checks: Checks) -> Upload:
    """Store the image of a request."""
    content_type = request.headers.get("content-type") or DEFAULT_TYPE
    storage, grant = caller.context.storage, token.grant
    async with aclosing(chunks_of(request)) as body:
        if content_type.lower().startswith("multipart/form-data"):
            limit = grant.max_bytes + FORM_OVERHEAD_BYTES
            check_length(request.headers.get("content-length"), limit)
            settings = caller.context.settings.model_copy(
                update={"max_files_per_request": 1, "max_upload_bytes": grant.max_bytes}
            )
            form = Multipart(counted(body, limit), content_type)
            uploads = FormUploads(form, storage, settings, TokenFormFields(), checks, types=grant.types)
            (image,) = await uploads.receive()
            return Upload(image.blob, uploads.values.get("name") or image.name)
        if content_type.lower().startswith(JSON_TYPE):
            with checks.collect():
                named = parse(await whole(request.headers, body, caller.context.settings.max_params_bytes) or b"{}")
                refuse_fields(named if isinstance(named, dict) else (), checks)
        if not content_type.lower().startswith(RAW_TYPES):
            message = (
                "An upload token is for the image itself: as multipart/form-data, image/*, application/pdf or "
                f"application/octet-stream. The Content-Type was {content_type!r}."
            )
            checks.add(Refusal("unsupported_media_type", message, field="Content-Type"))
        checks.done()
        check_length(request.headers.get("content-length"), grant.max_bytes)
        return await receive_raw(body, storage, grant.max_bytes, grant.types)


def respond_by_token(token: UploadToken, submitted: Submitted) -> Response:
    """What a page is answered whose image is a job now."""
    job_id = submitted.job_id
    answer = TokenUpload(id=job_id, token=token_text.job_token(job_id, token.salt))
    headers = {"Location": path_of(job_id), "Retry-After": str(RETRY_AFTER_S), "Cache-Control": "no-store"}
    return Response(json_of(answer), 202 if submitted.created else 200, headers, "application/json")
