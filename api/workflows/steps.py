"""The job of a step, examined as the endpoint of its kind does."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from api.http.access.scopes import check_scopes
from api.http.caller import Caller, RequestedOptions
from api.http.checks import Checks
from api.http.json_body import parse
from api.images import by_reference
from api.images import submit as images
from api.images.variants import read_variants
from api.jobs.submit import check_params, submittable
from api.reports import specs
from api.webhooks import events
from api.workflows.requests import StepRequest
from tasks.accounts.scopes import JOBS_WRITE, KIND_SCOPES
from tasks.queue.jobs.submission import Submission
from tasks.refusal import Refusal
from tasks.report.kind import REPORT
from tasks.thumbnail.kind import THUMBNAIL
from tasks.validation import nested
from tasks.webhook.kind import EVENT
from tasks.workflow.references import JOB_KEY, PATH_KEY

STEP_KEY: Final = "$step"
_STEP = re.compile(rb'\{\s*"\$step"\s*:\s*"([A-Za-z0-9_-]{1,60})"\s*\}')
"""A step that stands for the id of its job. Within a text of JSON its quotes would be written in another way."""


class StepJobs:
    """Makes the submissions of a workflow's steps. Nothing is submitted yet, but files of reports are stored.

    Args:
        caller: The sender.
        ids: The ids of the jobs, by the names of their steps.
    """

    def __init__(self, caller: Caller, ids: Mapping[str, str]) -> None:
        self._caller = caller
        self._ids = ids

    async def submission_of(self, step: StepRequest, written: bytes, options: RequestedOptions) -> Submission:
        """The job of a step.

        Args:
            step: The step, without its params.
            written: The params as JSON.
            options: What all jobs of the workflow have in common.

        Raises:
            Refusal: As the endpoint of its kind, on a field of the params or on `kind`; `forbidden` without the scope
                that such a job needs.
        """
        check_scopes(self._caller.access, (KIND_SCOPES.get(step.kind, JOBS_WRITE),))
        text = self._with_ids(written, step)
        options = {
            **options,
            "after": tuple(self._ids[name] for name in step.needs),
            "run_if": step.run_if,
            "priority": step.priority,
        }
        examine = {THUMBNAIL.name: self._picture, REPORT.name: self._report, EVENT.name: self._event}.get(step.kind)
        if examine is None:
            return self._job(step, text, options)
        if step.results or b'"%b"' % STEP_KEY.encode() in text:
            message = f"results: A step of kind {step.kind!r} takes no results. Leave out 'results' and 'path'."
            raise Refusal("invalid_request", message, field="results")
        try:
            submission = await examine(text, options)
        except Refusal as refusal:
            raise nested(refusal, "params") from None
        # One script writes all steps, and looks for the holder of one key at most.
        if submission.unique is not None:
            field = f"params.{submission.unique.option}"
            message = f"{field}: A step of a workflow takes no unique key. Leave it out, or submit the job alone."
            raise Refusal("invalid_request", message, field=field)
        return submission

    def _with_ids(self, written: bytes, step: StepRequest) -> bytes:
        def id_of(found: "re.Match[bytes]") -> bytes:
            return b'"%b"' % self._id_of(found[1].decode(), step).encode()

        return _STEP.sub(id_of, written)

    def _id_of(self, name: str, step: StepRequest) -> str:
        """The id of a step that another refers to. Raises: Refusal `invalid_request`."""
        if name not in step.needs:
            message = f"params: The step {name!r} is not in 'needs'. Add it there."
            raise Refusal("invalid_request", message, field="params")
        return self._ids[name]

    async def _picture(self, text: bytes, options: RequestedOptions) -> Submission:
        checks = Checks()
        requested = checks.model(parse(text, "params"), by_reference.ImageRequest)
        named = await by_reference.find_named(self._caller, requested, options, checks)
        chosen = named.chosen or await read_variants(self._caller, images.DEFAULT_PRESET)
        received = images.Received([named.image], chosen, named.name, named.exif, named.truncated, sent=False)
        return images.submission_of(self._caller, received, options, named.image)

    async def _report(self, text: bytes, options: RequestedOptions) -> Submission:
        checks = Checks()
        spec_text, beside = specs.split_spec(text)
        fields = checks.model(beside, specs.SpecFields)
        spec = None
        with checks.collect():
            spec = await specs.prepared_spec_of(self._caller, spec_text)
        if fields is not None:
            checks.run(lambda: fields.add_to(options, self._caller))
        checks.done()
        assert spec is not None  # noqa: S101 - else the checks have failed
        report = await specs.with_files(self._caller, spec, options["after"])
        return await specs.submission_of(self._caller, report, REPORT, **options)

    async def _event(self, text: bytes, options: RequestedOptions) -> Submission:
        checks = Checks()
        requested, params = events.examined_event(text, checks)
        if requested is not None:
            if requested.id is not None:
                message = "The field 'id' is not allowed here: a workflow is a new event each time. Leave it out."
                checks.add(Refusal("invalid_request", message, field="id"))
            checks.run(lambda: requested.add_to(options, self._caller))
        checks.done()
        assert requested is not None  # noqa: S101 - else the checks have failed
        return events.submission_of(self._caller, requested, params, **options)

    def _job(self, step: StepRequest, text: bytes, options: RequestedOptions) -> Submission:
        kind = submittable(self._caller.context.kinds, step.kind)
        params = parse(text, "params")
        if step.results:
            params = self._with_references(params, step)
        checks = Checks()
        after = options["after"] if step.results else ()
        checks.run(lambda: check_params(kind, params, after), inside="params", code="invalid_params")
        checks.done()
        return self._caller.submission(
            kind, json.dumps(params, ensure_ascii=False), results=step.results, name=step.name, **options
        )

    def _with_references(self, params: Any, step: StepRequest) -> Any:
        """With the ids of jobs in place of the names of steps."""
        if isinstance(params, list):
            return [self._with_references(one, step) for one in params]
        if not isinstance(params, dict):
            return params
        if params.keys() == {STEP_KEY, PATH_KEY} and all(isinstance(one, str) for one in params.values()):
            return {JOB_KEY: self._id_of(params[STEP_KEY], step), PATH_KEY: params[PATH_KEY]}
        return {name: self._with_references(one, step) for name, one in params.items()}


def canonical(text: bytes) -> str:
    """A body in one form, by which an Idempotency-Key is compared."""
    return json.dumps(msgspec.json.decode(text), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
