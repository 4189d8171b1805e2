"""The coded refusals: what Pressroom will not do, and why.

A refusal is an expected failure. It carries a short code for programs and a sentence for people, and it is final:
nothing that is
refused is tried again. Everyone may import this module, the pure ones too; it imports nothing of ours.
"""

# code -> what it means. The table of docs/errors.md is made of these lines (tests/docs/test_documents.py).
CODES: dict[str, str] = {
    # a request
    "invalid_request": "A field of the request is missing, unknown or out of range.",
    "invalid_params": "The job's parameters do not fit its kind.",
    "params_too_large": "The job's parameters exceed their limit in bytes.",
    "forbidden": "Only an admin may do this.",
    "unauthorized": "The request carries no API key, or one we do not know.",
    "not_found": "There is no such thing, or it belongs to someone else.",
    "method_not_allowed": "This address does not answer to that method.",
    "expired": "The job ended long ago; its result has been removed.",
    "not_ready": "The job has not succeeded (yet), so it has no files.",
    "already_ended": "The job had ended before it could be cancelled.",
    "not_ended": "The job has not ended; cancel it first.",
    "not_retryable": "Only a job that failed, was cancelled or waits for its next try can be retried.",
    "inputs_gone": "A file that the job reads is no longer stored; submit it anew.",
    "range_not_satisfiable": "The Range header asks for bytes the file does not have.",
    "unsupported_media_type": "The Content-Type of the request is not one that this address reads.",
    "too_large": "The upload exceeds its limit in bytes.",
    "too_many_files": "The request holds more files than one request may.",
    "no_file": "The request holds no file, or an empty one.",
    "too_many_objects": "The spec holds more JSON objects than the limit.",
    "key_reused": "This Idempotency-Key was used before, with other content.",
    "queue_full": "Too many jobs are waiting in this queue; try again later.",
    "unavailable": "A service that we need (Redis or the storage) does not answer; try again later.",
    "internal": "Something broke on our side; the request id finds it in the logs.",
    # a job
    "unknown_kind": "No kind of job has this name.",
    "poison": "Workers died under this job three times, the last time while it ran alone.",
    "cancelled": "Someone cancelled the job.",
    "failed": "The job failed in a way we did not foresee, as often as its kind allows.",
    "prerequisite_failed": "A job that had to succeed first did not.",
    "batch_incomplete": "Some jobs of the batch did not succeed.",
    "record_incomplete": "The job's record has lost what the job needs to run; submit it again.",
    "batch_open": "Nothing can wait for a batch that still takes jobs.",
    "batch_sealed": "The batch takes no more jobs.",
    "job_timed_out": "The job as a whole took longer than its kind allows.",
    # a picture
    "unsupported_format": "The bytes are not a picture of a format that we read.",
    "too_many_pixels": "The picture has more pixels than the limit.",
    "side_too_long": "A side of the picture is longer than the limit.",
    "too_many_frames": "The animation has more frames than the limit.",
    "too_many_scans": "The progressive JPEG has more scans than the limit.",
    "truncated": "The file ends before the picture does.",
    "corrupt": "The file is damaged and cannot be decoded.",
    # a report's data
    "malformed_dataset": "The dataset is damaged, or not of the format it is said to be.",
    "wrong_encoding": "The dataset's bytes are not text in the encoding it is said to have.",
    "unknown_dataset": "The spec names a dataset that it does not list.",
    "unknown_sheet": "The workbook has no sheet of this name.",
    "unknown_column": "The dataset has no column of this name.",
    "duplicate_column": "The dataset has two columns of this name.",
    "invalid_cell": "A cell of the data is no value of its column's type.",
    "cell_too_long": "A cell of the data, or a line of it, has more characters than the limit.",
    "too_many_rows": "The data has more rows than the limit.",
    "too_many_columns": "The dataset has more columns than the limit.",
    "too_many_cells": "The data has more cells (rows × columns) than the limit.",
    "too_much_data": "The data of the report takes more room than the limit.",
    "too_many_pages": "The report has more pages than the limit.",
    "invalid_format": "A format is no number or date pattern of Unicode CLDR.",
    "unknown_timezone": "There is no time zone of this name.",
    # an address that somebody named
    "invalid_url": "The address is not one that we speak to: its form, scheme, host or port.",
    "address_refused": "The host leads to an address that is not public.",
    "dns_failed": "The host's name could not be resolved.",
    "connect_failed": "Nobody accepted the connection.",
    "connect_timed_out": "The connection took longer than its limit.",
    "tls_failed": "The TLS handshake failed, or the certificate is not valid for the host.",
    "connection_lost": "The connection broke before the answer was whole.",
    "answer_timed_out": "The whole answer took longer than its limit.",
    "malformed_answer": "The answer is not HTTP as we read it.",
    "bad_status": "The answer's status was not a success.",
    "redirected": "The answer was a redirect, which is not followed.",
    # an event or a delivery
    "endpoint_gone": "The endpoint has been deleted.",
    "endpoint_disabled": "The endpoint is disabled; enable it, then redeliver or recover.",
    "event_gone": "The event is no longer kept.",
    "secret_unreadable": "The endpoint's secret was sealed with a SECRET_KEY that is not set any more; rotate it.",
    "too_many_endpoints": "The owner has as many endpoints as one may have.",
    "invalid_secret": "The secret is not `whsec_` and the base64 of 24 to 64 bytes.",
    "too_many_secrets": "The endpoint has as many live secrets as one may have; wait until one lapses.",
    # a schedule
    "invalid_cron": "The cron line is none of five fields that is due some day.",
    "too_many_schedules": "The owner has as many schedules as one may have.",
    # the sandbox
    "timed_out": "The work took longer than its time limit and was killed.",
    "out_of_memory": "The work needed more memory than its limit and was stopped.",
    "crashed": "The process that did the work died.",
    "output_too_large": "The work wrote a file larger than its limit in bytes.",
}


class Refusal(Exception):  # noqa: N818 - the house word; it is an answer more than an error
    """Work we will not do, or could not do whatever we tried.

    code: a key of CODES. message: one sentence that tells the reader what to do. field: the field of the request that
    is at fault,
    dotted (`variants.0.width`). limit: the limit that was passed, with its unit in the message.
    """

    def __init__(self, code: str, message: str, *, field: str | None = None, limit: int | float | None = None) -> None:
        if code not in CODES:
            raise ValueError(f"{code!r} is no refusal code; add it to tasks/refusal.py")
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.field = field
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class SandboxDeath(Refusal):
    """A sandbox child was killed or died at its work: `timed_out`, `out_of_memory` or `crashed`."""
