"""Limits of requests, pictures and reports."""

from pydantic import BaseModel, Field

from tasks.settings.units import DAY_S, KiB, MiB


class LimitSettings(BaseModel):
    """What one request, picture or report may ask for."""

    # Limits of one request
    max_upload_bytes: int = Field(50 * MiB, gt=0, description="Bytes of one uploaded picture.")
    upload_memory_mb: int = Field(
        64,
        ge=8,
        description="Megabytes that one process holds of files that are being uploaded; what is more waits in temporary files or on the wire.",
    )
    keep_unfinished_uploads_s: int = Field(
        1 * DAY_S,
        gt=0,
        description="Seconds in which the bytes of a resumable upload must arrive; then they are removed.",
    )
    keep_unfinished_token_uploads_s: int = Field(
        7_200,
        gt=0,
        description="The same for a resumable upload with an upload token, if it is less than KEEP_UNFINISHED_UPLOADS_S.",
    )
    max_unfinished_uploads: int = Field(
        100,
        gt=0,
        description="Uploads of one owner that may be incomplete at once: resumable ones, and those that go straight into the storage. Upload tokens begin none while there are half as many.",
    )
    max_upload_parts: int = Field(
        2_000,
        gt=0,
        description="Parts in which one resumable upload may come; a connection that is cut makes one too. Times MIN_UPLOAD_PART_BYTES it should be twice MAX_DATASET_BYTES.",
    )
    min_upload_part_bytes: int = Field(
        512 * KiB,
        ge=0,
        description="Fewest bytes that one request may send of a resumable upload, but for its last.",
    )
    upload_part_bytes: int = Field(
        16 * MiB,
        ge=MiB,
        description="Bytes of a resumable upload that are stored at once. What has arrived is not lost with its web process but for so much.",
    )
    direct_upload_s: int = Field(
        900,
        gt=0,
        le=2_700,
        description="Seconds for which a client may send an upload straight into the storage. What is not completed is removed within an hour.",
    )
    max_files_per_request: int = Field(20, gt=0, description="Files in one multipart request.")
    max_wait_s: float = Field(
        25, ge=0, le=25, description="Seconds that a request may wait for a job; routers end a request after 30."
    )
    max_delay_s: int = Field(
        30 * DAY_S, ge=0, description="Seconds by which a job may be delayed with `delay` or `run_at`."
    )
    events_heartbeat_s: float = Field(
        15, gt=0, le=25, description="Seconds without an event after which a stream of events sends a heartbeat."
    )
    max_change_streams: int = Field(
        200,
        gt=0,
        description="Streams of changes (`GET /v1/changes`, and those of pages) that one process sends at once; more are answered 503. "
        "One owner may have a quarter of them; admins of the settings may have all.",
    )
    max_presets: int = Field(100, ge=0, description="Presets of one owner.")
    max_keep_s: int = Field(
        366 * DAY_S,
        ge=0,
        description="Seconds for which `keep` may keep a job with its files and, of an image, its original; 0 refuses `keep`, 3153600000 (a hundred years) allows `forever`.",
    )
    max_params_bytes: int = Field(16 * 1024, gt=0, description="Bytes of one job's parameters as JSON.")
    max_tags: int = Field(10, ge=0, description="Tags of one job, upload, endpoint or schedule.")
    max_metadata_keys: int = Field(
        20, ge=0, description="Keys in the metadata of one job, upload, endpoint or schedule."
    )
    max_metadata_bytes: int = Field(2048, ge=0, description="Bytes of such metadata as JSON.")
    max_waiting_jobs: int = Field(200_000, gt=0, description="Jobs that one queue holds before submits answer 429.")
    redis_full_percent: float = Field(
        85,
        ge=10,
        le=100,
        description="Percent of Redis' `maxmemory` from which on nothing is added: submits answer 507 `redis_full`. What was accepted before needs the rest.",
    )

    # Limits of one owner
    owner_max_waiting: int | None = Field(
        None,
        gt=0,
        description="Jobs of one owner that may wait, for a worker or for their next try, before its submits answer 429; deliveries are counted apart, and keep out events. Without it half of MAX_WAITING_JOBS.",
    )
    owner_max_scheduled: int | None = Field(
        None,
        gt=0,
        description="Jobs of one owner that may be scheduled, or wait for other jobs, before its submits answer 429. Without it a quarter of MAX_WAITING_JOBS.",
    )
    owner_max_bulk: int = Field(
        20,
        gt=0,
        description="Bulk actions of one owner that may wait, and as many recoveries of endpoints; the limits above do not count them, nor do they refuse them.",
    )

    bulk_max_examined: int = Field(
        5_000_000,
        gt=0,
        description="Jobs after which a bulk action stops counting those that match (`dry_run`, `expect`); it says so then.",
    )

    owner_deliveries_per_minute: int = Field(
        60_000,
        ge=0,
        description="Deliveries per minute that one owner's events may make, before they answer 429; an event counts for as many as endpoints subscribe to it, and at least for one. A minute's worth may come at once. 0 is no limit.",
    )
    owner_runs_per_minute: int = Field(
        60, ge=0, description="Runs of schedules per minute that one owner may start by hand; 0 is no limit."
    )
    owner_schedules_per_minute: int = Field(
        60, ge=0, description="Schedules per minute that one owner may create; 0 is no limit."
    )

    owner_requests_per_second: int = Field(
        0,
        ge=0,
        description="Requests per second that one owner may send, on average over all web processes, before they answer 429; 0 is no limit. This and the limits above are defaults: an owner's record may have others ([quotas](accounts.md#quotas)).",
    )
    owner_request_burst: int = Field(
        0,
        ge=0,
        description="Requests of one owner that may come at once, beyond OWNER_REQUESTS_PER_SECOND; 0 is two seconds' worth.",
    )
    owner_stored_bytes: int = Field(
        0,
        ge=0,
        description="Bytes that one owner may have in the storage: uploads, files that jobs read, and files that they made. Uploads and submits that come later answer 507; 0 is no limit.",
    )
    owner_bytes_per_day: int = Field(
        0,
        ge=0,
        description="Bytes that one owner may send, and its jobs may make, in one day (UTC), before uploads and submits answer 429; 0 is no limit.",
    )

    @property
    def owner_waiting_limit(self) -> int:
        """OWNER_MAX_WAITING, or what follows from MAX_WAITING_JOBS: with the scheduled ones less than a queue holds."""
        return self.owner_max_waiting or max(self.max_waiting_jobs // 2, 1)

    @property
    def owner_scheduled_limit(self) -> int:
        """OWNER_MAX_SCHEDULED, or what follows from MAX_WAITING_JOBS."""
        return self.owner_max_scheduled or max(self.max_waiting_jobs // 4, 1)

    # Limits of a picture
    max_pixels: int = Field(100_000_000, gt=0, description="Pixels (width × height) of a picture.")
    max_watermark_pixels: int = Field(4_194_304, gt=0, description="Pixels (width × height) of a watermark.")
    max_side_px: int = Field(30_000, gt=0, description="Pixels of a picture's longer side.")
    max_frames: int = Field(
        1_000, gt=0, description="Frames of an animation that a variant keeps (`animated`); else the first is used."
    )
    max_animation_pixels: int = Field(
        500_000_000,
        gt=0,
        description="Pixels (width × height × frames) of an animation that a variant keeps.",
    )
    max_animation_output_pixels: int = Field(
        50_000_000,
        gt=0,
        description="Pixels (width × height × frames) of all animated variants of a job together.",
    )
    max_jpeg_scans: int = Field(
        100, gt=0, description="Scans of a progressive JPEG; each takes a pass over the whole picture."
    )
    max_scan_pixels: int = Field(
        2_000_000_000,
        gt=0,
        description="Pixels of a progressive JPEG times its scans, which is what decoding it costs: about a second for 1,000,000,000. The usual ten scans pass up to MAX_PIXELS.",
    )
    max_output_pixels: int = Field(
        100_000_000,
        gt=0,
        description="Pixels of all variants of one picture together; a variant counts for each of its formats and densities.",
    )

    # Limits of a report
    max_dataset_bytes: int = Field(
        500 * MiB, gt=0, description="Bytes of one upload, or of a table sent as the body of a request."
    )
    max_spec_bytes: int = Field(5 * MiB, gt=0, description="Bytes of a report's JSON spec.")
    spec_seconds: float = Field(
        25,
        gt=0,
        description="Seconds that reading one report spec of more than 64 KB may take, once it is its turn; then the answer is 503 `spec_reader_unavailable`. Routers end a request after 30.",
    )
    max_waiting_specs: int = Field(
        20,
        ge=0,
        description="Report specs of more than 64 KB that wait in one web process until the one before has been read; what is over answers 503 `spec_reader_unavailable`. Reading one takes up to 0.2 s.",
    )
    max_report_rows: int = Field(1_000_000, gt=0, description="Rows of one table of a report.")
    max_report_cells: int = Field(20_000_000, gt=0, description="Cells (rows × columns) of one table of a report.")
    max_cell_chars: int = Field(10_000, gt=0, description="Characters of one cell.")
    max_report_text_mb: int = Field(
        100,
        gt=0,
        description="Megabytes of text in the table cells of one report: millions of characters as they are read, and of bytes of UTF-8 as they are drawn (a Chinese character has three). Cells that share a text count each. On one processor core of 2026 a megabyte of words takes 0.35 s to draw, and one of Chinese or Arabic without blanks up to 2 s: 10 MB take 4 to 20 s, 50 MB 18 to 100 s, and 100 MB at most a third of REPORT_SECONDS.",
    )
    max_report_pages: int = Field(40_000, gt=0, description="Pages of one report.")
    report_seconds: float = Field(
        600, gt=0, le=1500, description="Seconds that making one report may take in the sandbox before it is killed."
    )
    report_memory_mb: int = Field(
        200,
        gt=0,
        description="Megabytes that one report is expected to take; SANDBOX_BUDGET_MB says how many run at once.",
    )
