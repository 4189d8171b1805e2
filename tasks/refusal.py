"""Refusals: expected failures with a stable code.

A refusal carries a short code for programs and a message for people. It is final: refused work is not retried. Every
module may import this one, also those that run in the sandbox; it imports no other module of this repository.
"""

import errno
from collections.abc import Sequence
from typing import NamedTuple

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
"""What an OSError says of a disk that is full."""

# code -> what it means. The table of docs/errors.md is made of these lines (tests/docs/test_documents.py).
CODES: dict[str, str] = {
    # a request
    "invalid_request": "A field of the request is missing, unknown or out of range.",
    "invalid_params": "The job's parameters do not fit its kind.",
    "params_too_large": "The job's parameters are larger than the limit in bytes.",
    "forbidden": "The key may not do this: it lacks the scope, is read-only, or is no admin's.",
    "foreign_origin": "A web page of this origin may not send the request.",
    "misdirected": "The service does not answer under this host.",
    "unauthorized": "The request has no API key, or an unknown one.",
    "token_used": "The upload token has no uses left.",
    "token_forbids": "The token in the request does not allow this.",
    "not_found": "The resource does not exist, or it belongs to another owner.",
    "method_not_allowed": "The path does not support this HTTP method.",
    "expired": "The resource has expired; its data was removed.",
    "not_ready": "The job has not succeeded (yet), so it has no files.",
    "already_ended": "The job had ended before it could be cancelled.",
    "not_ended": "The job has not ended. Cancel it first.",
    "not_changeable": "Only a job that waits, is scheduled or waits for its next attempt can be changed.",
    "not_retryable": "Only a job that failed, was cancelled or waits for its next attempt can be retried.",
    "inputs_gone": "A file that the job reads is no longer stored. Submit the job again.",
    "range_not_satisfiable": "The Range header asks for bytes that the file does not have.",
    "unsupported_media_type": "The path does not accept this Content-Type or charset.",
    "too_large": "The upload is larger than the limit in bytes.",
    "too_many_files": "The request has more files than allowed.",
    "no_file": "The request has no file, or an empty one.",
    "upload_unfinished": "The upload is not complete, or not checked yet. Complete it, or wait a moment.",
    "upload_incomplete": "Bytes of the upload are missing from the storage. Upload it again.",
    "too_many_uploads": "The owner has as many incomplete uploads as allowed.",
    "offset_conflict": "The bytes do not follow those that have arrived. Ask for the offset with HEAD.",
    "checksum_mismatch": "The bytes do not have the checksum that was sent with them. They were not kept.",
    "part_too_small": "A part of the upload that is not the last has fewer bytes than allowed.",
    "too_many_parts": "The upload came in as many parts as allowed. Delete it, and send it in larger parts.",
    "unsupported_protocol": "The version of the tus protocol is not supported.",
    "no_direct_uploads": "The storage takes no uploads directly. Upload through the service.",
    "too_many_objects": "The spec has more JSON objects or references than allowed.",
    "key_reused": "This Idempotency-Key was already used with other content.",
    "not_unique": "Another job holds this unique key.",
    "queue_full": "Too many jobs are waiting in this queue. Try again later.",
    "owner_queue_full": "Too many of your jobs are waiting or scheduled. Try again later, or cancel some.",
    "rate_limited": "You ask for more per minute than allowed. Try again after the time in `Retry-After`.",
    "owner_exists": "The owner has a record already.",
    "owner_suspended": "The owner is suspended: an admin has stopped its requests, jobs and schedules.",
    "owner_storage_full": "The owner has as many bytes in the storage as allowed. Delete uploads or jobs.",
    "malformed_request": "The request is not valid HTTP/1.1, or it does not name one host.",
    "header_too_large": "The request's line and header fields are larger than the limit.",
    "request_timeout": "The request did not arrive in time.",
    "too_many_connections": "The process has as many connections as it may have. Try again later.",
    "too_many_streams": "The process has as many streams of changes as it may have. Try again later.",
    "redis_full": "Redis has no room for more jobs, uploads, endpoints or schedules. Try again later.",
    "unavailable": "Redis or the storage does not respond. Try again later.",
    "spec_reader_unavailable": "The process that reads large report specs is busy or does not respond. Try later.",
    "disk_full": "The temporary folder of the server or worker is full. Try again later.",
    "internal": "An unexpected error happened. The logs have details under the request id.",
    # a job
    "storage_unavailable": "The storage did not work for longer than a job waits for it. Retry the job.",
    "unknown_kind": "No kind of job has this name.",
    "unreadable_job": "The job was put into ARQ's keys in a form that cannot be read.",
    "lapsed": "The worker died, or was cut off, before the attempt ended; the job is run again.",
    "poison": "Three workers died while running this job, the last one while it ran no other job of its queue.",
    "cancelled": "The job was cancelled by a request.",
    "failed": "The job failed with an unexpected error in all its attempts.",
    "deadline_passed": "The deadline of the job passed before an attempt could begin.",
    "prerequisite_failed": "A job that had to succeed first did not succeed.",
    "not_needed": "A job that runs only if another fails was not needed, since that one succeeded.",
    "batch_incomplete": "Some jobs of the batch did not succeed.",
    "record_incomplete": "The job's record lacks data that the job needs. Submit the job again.",
    "batch_open": "A job cannot wait for a batch that is not sealed.",
    "batch_sealed": "The batch is sealed and accepts no more jobs.",
    "job_timed_out": "The job took longer in total than its kind allows.",
    "more_than_expected": "More jobs match than were expected. None was changed.",
    "count_incomplete": "Too many jobs had to be examined to count those that match. None was changed.",
    # an image
    "unsupported_format": "The file is not an image in a supported format.",
    "too_many_pixels": "The image has more pixels than allowed.",
    "side_too_long": "A side of the image is longer than allowed.",
    "too_many_frames": "The animation has more frames than allowed.",
    "too_many_scans": "The progressive JPEG has more scans than allowed.",
    "too_much_memory": "Drawing the image would take more memory than allowed.",
    "crop_outside": "The part of the image that a variant crops begins outside the image.",
    "truncated": "The file ends before the image is complete.",
    "corrupt": "The file is damaged and cannot be decoded.",
    "drawing_failed": "The image was decoded, and drawing or encoding it failed. The worker's log has the reason.",
    # a report's data
    "malformed_dataset": "The dataset is damaged, or it does not have the given format.",
    "wrong_encoding": "The dataset is not text in the given encoding.",
    "unknown_dataset": "The spec uses a dataset that it does not define.",
    "unknown_sheet": "The workbook has no sheet of this name.",
    "unknown_column": "The dataset has no column of this name.",
    "duplicate_column": "The dataset has two columns of this name.",
    "invalid_cell": "A cell of the data does not fit the type of its column.",
    "cell_too_long": "A cell or a line of the data has more characters than allowed.",
    "too_many_rows": "The data has more rows than allowed.",
    "too_many_columns": "The dataset has more columns than allowed.",
    "too_many_cells": "The data has more cells (rows × columns) than allowed.",
    "too_much_text": "The cells of the report have more text than allowed.",
    "too_much_data": "The data of the report is larger than the limit in bytes.",
    "too_many_pages": "The report has more pages than allowed.",
    "invalid_format": "A format is not a Unicode CLDR number or date pattern.",
    "unknown_timezone": "No time zone has this name.",
    # a URL of a webhook or an image
    "invalid_url": "The form, scheme, host or port of the URL is not allowed.",
    "address_refused": "The host resolves to an IP address that is not public.",
    "dns_failed": "The host name could not be resolved.",
    "connect_failed": "The connection was refused.",
    "connect_timed_out": "The connection was not established in time.",
    "tls_failed": "The TLS handshake failed, or the certificate is not valid for the host.",
    "proxy_failed": "The proxy through which requests leave (OUTBOUND_PROXY) could not be reached, or refused us.",
    "connection_lost": "The connection was closed before the response was complete.",
    "answer_timed_out": "The response was not complete in time.",
    "malformed_answer": "The response is not valid HTTP.",
    "outbound_failed": "The request failed for a reason that Pressroom does not know.",
    "bad_status": "The status of the response was not a success.",
    "redirected": "The response was a redirect, which is not followed.",
    # an event or a delivery
    "endpoint_gone": "The endpoint was deleted.",
    "endpoint_disabled": "The endpoint is disabled. Enable it, then retry or recover its deliveries.",
    "event_gone": "The event is no longer stored.",
    "secret_unreadable": "The endpoint's secret was encrypted with a SECRET_KEY that is not set any more. Rotate it.",
    "too_many_portal_links": "The owner has as many portal links as allowed.",
    "too_many_upload_tokens": "The owner has as many upload tokens as allowed.",
    "too_many_keys": "The owner has as many API keys as allowed.",
    "key_ended": "The API key has expired or was revoked. Create another one.",
    "two_live_keys": "The API key was rotated, and the old one is still live. Revoke it, or wait until it has expired.",
    "too_many_presets": "The owner has as many presets as allowed.",
    "too_many_endpoints": "The owner has as many endpoints as allowed.",
    "invalid_secret": "The secret is not `whsec_` followed by the base64 of 24 to 64 bytes.",
    "too_many_secrets": "The endpoint has as many valid secrets as allowed. Wait until one expires.",
    # a destination
    "too_many_destinations": "The owner has as many destinations as allowed.",
    "destination_gone": "The destination of the job's files was deleted.",
    "destination_refused": "The destination did not accept a file, or a path in it cannot be used.",
    "destination_unavailable": "The destination did not answer for longer than a job waits for it. Retry the job.",
    "destination_exists": "An object of this path is in the destination already, with other bytes.",
    # a schedule
    "invalid_cron": "The cron expression does not have five valid fields, or it is never due.",
    "queue_in_use": "The queue has jobs that have not ended, or it is one of those that are always there.",
    "too_many_queues": "There are as many queues as may be made by naming them. Name one that exists.",
    "too_many_schedules": "The owner has as many schedules as allowed.",
    # the sandbox
    "timed_out": "The work took longer than its time limit and was stopped.",
    "out_of_memory": "The work needed more memory than its limit and was stopped.",
    "crashed": "The sandbox process that did the work died.",
    "output_too_large": "The work wrote a file larger than its limit in bytes.",
}


class Fault(NamedTuple):
    """One field of a request that is wrong, a plain sentence that says how, and the limit that it exceeds, if any."""

    field: str
    message: str
    limit: int | float | None = None


class Quota(NamedTuple):
    """The quota that a request exceeds, for the fields `RateLimit` and `RateLimit-Policy` of the answer.

    name: In these fields. window_s: Seconds over which it counts; None if it counts what there is. unit: What it
    counts, where that is no request: `content-bytes`.
    """

    name: str
    window_s: int | None = None
    unit: str | None = None


class Refusal(Exception):  # noqa: N818 - it is an expected answer rather than an error
    """Work that is refused, or that failed in an expected way.

    Attributes:
        code: A key of CODES.
        message: Plain sentences that say what is wrong and what to do.
        field: The path of the request field at fault, such as `variants.0.width`.
        limit: The limit that was exceeded. The message names its unit.
        retry_after_s: Seconds after which the same request may succeed, where that is known.
        faults: Every field at fault, the first one included, where more than one was examined.
        more_faults: How many more were found than `faults` lists.
        quota: The quota of the owner that was exceeded; `limit` says how much it is.
        job: Id of the job that stands in the way.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str | None = None,
        limit: int | float | None = None,
        retry_after_s: int | None = None,
        faults: Sequence[Fault] = (),
        more_faults: int = 0,
        quota: Quota | None = None,
        job: str | None = None,
    ) -> None:
        if code not in CODES:
            raise ValueError(f"{code!r} is not a refusal code. Add it to tasks/refusal.py.")
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.field = field
        self.limit = limit
        self.retry_after_s = retry_after_s
        self.faults = tuple(faults)
        self.more_faults = more_faults
        self.quota = quota
        self.job = job

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class SandboxDeath(Refusal):
    """A sandbox process was killed or died: `timed_out`, `out_of_memory` or `crashed`."""
