"""What a user does, with the client that openapi-python-client has made: `bin/clients` generates it and runs this."""

import os
import sys
from io import BytesIO
from typing import Any

from generated_client.api.images import submit_images
from generated_client.api.jobs import download_file, get_job
from generated_client.api.reports import submit_report
from generated_client.api.webhooks import create_endpoint, list_deliveries, submit_event
from generated_client.client import AuthenticatedClient
from generated_client.models.endpoint_request import EndpointRequest
from generated_client.models.event_request import EventRequest
from generated_client.models.job import Job
from generated_client.models.problem import Problem
from generated_client.models.report_body import ReportBody
from generated_client.models.state import State
from generated_client.models.submit_images_files_body import SubmitImagesFilesBody
from generated_client.types import File

from tests.support.pictures import encoded, quarters

PICTURE = encoded(quarters(), "PNG")


def main() -> None:
    with AuthenticatedClient(base_url=os.environ["PRESSROOM_URL"], token=os.environ["PRESSROOM_KEY"]) as client:
        picture(client)
        form(client)
        report(client)
        webhook(client, os.environ["RECEIVER_URL"])
        refusal(client)
    sys.stdout.write("Python: a picture, a form, a report, an event and a refusal, with the generated client.\n")


def ended(client: AuthenticatedClient, submitted: Any) -> Job:
    """The job, once it has succeeded."""
    assert isinstance(submitted, Job), submitted
    found = get_job.sync(submitted.id, client=client, wait=30)
    assert isinstance(found, Job)
    assert found.state is State.SUCCEEDED, found
    return found


def picture(client: AuthenticatedClient) -> None:
    file = File(payload=BytesIO(PICTURE), file_name="a.png", mime_type="image/png")
    job = ended(client, submit_images.sync(client=client, body=file, variants="avatar", name="a.png"))
    for one in job.files:
        content = download_file.sync(job.id, one.name, client=client)
        assert isinstance(content, File)
        assert len(content.payload.read()) == one.bytes_


def form(client: AuthenticatedClient) -> None:
    file = File(payload=BytesIO(PICTURE), file_name="a.png", mime_type="image/png")
    job = ended(client, submit_images.sync(client=client, body=SubmitImagesFilesBody(file=[file], variants="avatar")))
    assert job.name == "a.png"


def report(client: AuthenticatedClient) -> None:
    spec = {"document": {"title": "Rules"}, "blocks": [{"type": "text", "text": "Be kind."}]}
    job = ended(client, submit_report.sync(client=client, body=ReportBody.from_dict(spec)))
    content = download_file.sync(job.id, "report.pdf", client=client)
    assert isinstance(content, File)
    assert content.payload.read(5) == b"%PDF-"


def webhook(client: AuthenticatedClient, receiver: str) -> None:
    endpoint = create_endpoint.sync(client=client, body=EndpointRequest(url=receiver, events=["order.*"]))
    assert not isinstance(endpoint, Problem | None), endpoint
    event = ended(client, submit_event.sync(client=client, body=EventRequest(type_="order.paid", data={"order": 1})))
    page = list_deliveries.sync(client=client, event=event.id)
    assert not isinstance(page, Problem | None), page
    [delivery] = page.deliveries
    assert delivery.endpoint == endpoint.id


def refusal(client: AuthenticatedClient) -> None:
    answer = submit_event.sync_detailed(client=client, body=EventRequest(type_="order paid", data={}))
    assert answer.status_code == 422
    assert isinstance(answer.parsed, Problem)
    assert (answer.parsed.code, answer.parsed.field) == ("invalid_request", "type")


if __name__ == "__main__":
    main()
