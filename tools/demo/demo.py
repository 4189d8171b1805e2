"""`bin/demo`: the whole path on this machine, with the Procfile's commands: upload a photo, wait for the job, download;
then a report, webhooks and operations.

bin/demo                 draws four samples (JPEG, HEIC, transparent PNG, animation), uploads them, and stays up
                         until Ctrl-C
bin/demo PHOTO …         takes yours
bin/demo --once          exits at the end; not 0 if anything was not as documented
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import webbrowser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from PIL import Image

from tools.demo import operations as demo_operations
from tools.demo import workflow as demo_workflow
from tools.demo.page import page
from tools.demo.report import faults, spec
from tools.demo.webhooks import FAILS_ONCE, DemoReceiver, receiving
from tools.pictures import sources
from tools.servers import Valkey, free_port, start_process

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = Path("demo-output")
START_S = 60.0
STOP_S = 30.0
WAIT_S = 2
SAMPLE_SIZE = (3000, 2000)


class Broken(Exception):  # noqa: N818 - what the demo found
    """Something is not as documented."""


def say(line: str = "", end: str = "\n") -> None:
    sys.stdout.write(line + end)
    sys.stdout.flush()


@contextlib.contextmanager
def pressroom(folder: Path, **changes: str) -> Iterator[str]:
    """Valkey and the Procfile's processes, on free ports. changes: environment of theirs. Yields the API's address."""
    port = int(os.environ.get("PORT", "0")) or free_port()
    with Valkey(folder=folder / "valkey") as valkey:
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
            "REDIS_URL": valkey.url,
            "STORAGE_URL": f"file://{folder / 'storage'}",
            "DEV": "1",
            "API_KEYS": "",
            "PORT": str(port),
            "LOG_FORMAT": "text",
            # The demo's receiver is on this machine, which is refused as an endpoint otherwise.
            "OUTBOUND_NETWORKS": "127.0.0.0/8,::1/128",
            "OUTBOUND_HTTP": "true",
            **changes,
        }
        lines = [line.partition(":") for line in (ROOT / "Procfile").read_text().splitlines() if line.strip()]
        processes = []
        try:
            for name, _, command in lines:
                say(f"  {name}: {command.strip()}")
                with (folder / f"{name}.log").open("wb") as log:
                    processes.append(
                        start_process(
                            ["sh", "-c", f"exec {command}"], cwd=ROOT, env=environment, stdout=log, stderr=log
                        )
                    )
            address = f"http://127.0.0.1:{port}"
            wait_until_ready(address, processes)
            yield address
        except Exception:
            for name, _, _ in lines:
                say(f"--- {name}.log\n{(folder / f'{name}.log').read_text()[-3000:]}")
            raise
        finally:
            stop(processes)


def wait_until_ready(address: str, processes: Sequence["subprocess.Popen[bytes]"]) -> None:
    """Until Redis, storage and a worker are seen."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if any(process.poll() is not None for process in processes):
            raise Broken("a process of the Procfile has ended")
        with contextlib.suppress(httpx.TransportError):
            ready = httpx.get(f"{address}/readyz")
            if ready.status_code == 200 and all(check["status"] == "ok" for check in ready.json()["checks"]):
                return
        time.sleep(0.05)
    raise Broken(f"not ready within {START_S:g} s")


def stop(processes: Sequence["subprocess.Popen[bytes]"]) -> None:
    """As a platform does: SIGTERM to every process, SIGKILL to what is left."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    for process in processes:
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


class Sample(NamedTuple):
    """A picture to upload. variants: what is asked for; None for the default preset."""

    path: Path
    variants: list[dict[str, Any]] | None = None


def samples(folder: Path) -> list[Sample]:
    """Pictures as people upload them: photos as JPEG and HEIC, lying on their sides and with a place in their EXIF; a
    logo with transparency, and an animation."""
    animated = [{"name": "small", "width": 160, "animated": True}, {"name": "still", "width": 160}]
    return [
        Sample(sources.photo(folder / "photo.jpg", SAMPLE_SIZE)),
        Sample(sources.photo(folder / "phone.heic")),
        Sample(sources.logo(folder / "logo.png")),
        Sample(sources.animation(folder / "balloon.gif"), animated),
    ]


def thumbnails(client: httpx.Client, sample: Sample) -> dict[str, Any]:
    """Upload, wait, download, check and print. Returns the job."""
    began, photo = time.perf_counter(), sample.path
    variants = {} if sample.variants is None else {"variants": json.dumps(sample.variants)}
    with photo.open("rb") as file:
        posted = client.post("/v1/images", files={"file": (photo.name, file)}, data={"exif": "true", **variants})
    expect(posted.status_code == 202, f"POST /v1/images answered {posted.status_code}: {posted.text}")
    say(f"\n{photo.name}: {posted.status_code} in {ms(began)} ms, job {posted.json()['id']}")
    job = wait(client, posted.headers["Location"])
    expect(job["state"] == "succeeded", f"the job is {job['state']}: {job.get('error')}")
    say(f"  succeeded {ms(began)} ms after the upload began\n")
    describe(job["result"]["picture"])
    say(f"  {'variant':<14}{'size':>12}{'bytes':>10}{'ms':>7}")
    for one in job["files"]:
        began = time.perf_counter()
        answer = client.get(one["url"])
        check(one, answer)
        (OUTPUT / f"{photo.stem}-{one['name']}").write_bytes(answer.content)
        size = f"{one['about']['width']} × {one['about']['height']}"
        frames = f"   {one['about']['frames']} frames" if "frames" in one["about"] else ""
        say(f"  {one['name']:<14}{size:>12}{one['bytes']:>10,}{ms(began):>7}{frames}")
    return job


def describe(picture: dict[str, Any]) -> None:
    """Print what the service says of an uploaded picture."""
    transparent = ", transparent" if picture["has_alpha"] else ""
    frames = f", {picture['frames']} frames" if picture["frames"] > 1 else ""
    say(f"  {picture['type']}, {picture['width']} × {picture['height']}{transparent}{frames}")
    for name in ("taken_at", "camera"):
        if name in picture["exif"]:
            say(f"  {name:<16} {picture['exif'][name]}")
    for name in ("dominant_colour", "thumbhash", "phash"):
        say(f"  {name:<16} {picture[name]}")
    say()


def report(client: httpx.Client, photos: Sequence[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """Make a report with a table, a chart and the thumbnails, and check it. Returns the job."""
    began = time.perf_counter()
    asked = spec(photos)
    posted = client.post("/v1/reports", json=asked)
    expect(posted.status_code == 202, f"POST /v1/reports answered {posted.status_code}: {posted.text}")
    job = wait(client, posted.headers["Location"])
    expect(job["state"] == "succeeded", f"the report is {job['state']}: {job.get('error')}")
    say(f"\n{asked['document']['title']}: a report, {ms(began)} ms, job {job['id']}\n")
    for warning in job["result"]["warnings"]:
        say(f"  {warning['message']}")
    for one in job["files"]:
        answer = client.get(one["url"])
        check(one, answer)
        place = OUTPUT / one["name"]
        place.write_bytes(answer.content)
        say(f"  {place!s:<30}{one['bytes']:>12,}")
        if one["type"] == "application/pdf":
            wrong = faults(answer.content, asked, job["result"]["pages"])
            expect(not wrong, f"{one['name']}: {'; '.join(wrong)}")
    return job


def told(receiver: DemoReceiver, job: dict[str, Any]) -> None:
    """Print the webhook of a job's end."""
    came = receiver.next()
    expect(came.event["data"]["id"] == job["id"], f"{came.event} is about another job than {job['id']}")
    say(f"\n  webhook {came.id}: {came.event['type']} of {came.event['data']['kind']}, its signature verified")


def webhook(client: httpx.Client, receiver: DemoReceiver) -> None:
    """Publish an event to a receiver that answers 503 the first time."""
    endpoint = receiver.subscribe(client, FAILS_ONCE, "invoice.*")
    posted = client.post(
        "/v1/events", json={"type": "invoice.paid", "data": {"number": "2026-0042", "amount": "99.00"}}
    )
    expect(posted.status_code == 202, f"POST /v1/events answered {posted.status_code}: {posted.text}")
    say(f"\ninvoice.paid: an event, job {posted.json()['id']}, to a receiver that answers 503 the first time\n")
    began = time.perf_counter()
    for _ in range(2):
        came = receiver.next()
        say(f"  {ms(began):>6} ms  webhook {came.id}: verified, answered {came.answered}")
    delivery = delivered(client, endpoint["id"])
    expect(delivery["state"] == "succeeded", f"the delivery is {delivery['state']}")
    say(
        f"  {ms(began):>6} ms  delivery {delivery['id']}: {delivery['state']} with {len(delivery['attempts'])} attempts"
    )


def workflow(client: httpx.Client, receiver: DemoReceiver, photos: Sequence[Path]) -> None:
    """Photos, a sheet of them and a webhook in one request."""
    receiver.subscribe(client, demo_workflow.PATH, "album.*")
    asked = {"name": "Album", "steps": demo_workflow.steps(demo_workflow.uploaded(client, photos))}
    posted = client.post("/v1/workflows", json=asked)
    expect(posted.status_code == 202, f"POST /v1/workflows answered {posted.status_code}: {posted.text}")
    began, made = time.perf_counter(), posted.json()
    say(f"\nAlbum: a workflow of {len(made['steps'])} steps in one request, job {made['id']}\n")
    wait(client, f"/v1/jobs/{made['id']}")
    made = client.get(made["links"]["self"]).raise_for_status().json()
    for step in made["steps"]:
        say(f"  {step['name']:<10} {step['kind']:<10} {step['state']:<10} {', '.join(step['needs'])}")
    expect(made["state"] == "succeeded", f"the workflow is {made['state']}: {made.get('error')}")
    came = receiver.next()
    while came.path != demo_workflow.PATH:  # the ends of its jobs are events too
        came = receiver.next()
    expect(came.event["type"] == demo_workflow.DONE, f"{came.event} came in place of {demo_workflow.DONE}")
    say(f"  {ms(began):>6} ms  webhook {came.id}: {came.event['type']}, its signature verified")


def delivered(client: httpx.Client, endpoint: str) -> dict[str, Any]:
    """The endpoint's one delivery, once it has ended."""
    (delivery,) = client.get("/v1/deliveries", params={"endpoint": endpoint}).raise_for_status().json()["deliveries"]
    wait(client, f"/v1/jobs/{delivery['id']}")
    found: dict[str, Any] = client.get(f"/v1/deliveries/{delivery['id']}").raise_for_status().json()
    return found


def operations(client: httpx.Client) -> None:
    """Watch progress, cancel a job, run the cleanup by hand."""
    job_id = demo_operations.submit(client, demo_operations.ROWS, "Progress")
    say(f"\nA report of {demo_operations.ROWS:,} rows, followed as it is made (GET /v1/jobs/{job_id}/events)\n")
    began, state = time.perf_counter(), ""
    for name, data in demo_operations.follow(client, job_id):
        state = data.get("state", state)
        done = f"{data['done']:,} of {data['total']:,} {data['note']}" if name == "progress" else state
        say(f"  {ms(began):>6} ms  {name:<9} {done}")
    expect(state == "succeeded", f"the report is {state}")

    job_id = demo_operations.submit(client, demo_operations.MANY_ROWS, "Never mind")
    for name, _ in demo_operations.follow(client, job_id):
        if name == "progress":
            break
    began = time.perf_counter()
    cancelled = client.post(f"/v1/jobs/{job_id}/cancellation").raise_for_status().json()
    expect(cancelled["state"] == "cancelled", f"the job is {cancelled['state']}")
    expect(not cancelled["files"], "a cancelled job has files")
    say(f"\nA report of {demo_operations.MANY_ROWS:,} rows, cancelled while it was made: ended after {ms(began)} ms")

    say("\nA cleanup by hand (POST /v1/cleanup), first as a dry run; new files are kept\n")
    for asked in ({"dry_run": True}, {}):
        done_job = demo_operations.clean_up(client, **asked)
        expect(done_job["state"] == "succeeded", f"the cleanup is {done_job['state']}: {done_job.get('error')}")
        counts = done_job["result"]
        say(f"  {counts['examined']} files examined, {counts['deleted']} deleted, {counts['bytes']:,} bytes")


def wait(client: httpx.Client, place: str) -> dict[str, Any]:
    """The job's record once it has ended; shows how far it is meanwhile."""
    while True:
        job: dict[str, Any] = client.get(place, params={"wait": WAIT_S}).raise_for_status().json()
        if job["state"] in ("succeeded", "failed", "cancelled"):
            return job
        progress = job.get("progress", {})
        say(f"  {job['state']} {progress.get('done', 0)}/{progress.get('total', '?')} {progress.get('note', '')}")


def check(promised: dict[str, Any], answer: httpx.Response) -> None:
    """The file is what the record says, and a thumbnail has no metadata."""
    name = promised["name"]
    expect(answer.status_code == 200, f"{name}: {answer.status_code}")
    expect(hashlib.sha256(answer.content).hexdigest() == promised["sha256"], f"{name}: not the bytes of the record")
    expect(answer.headers["Content-Type"] == promised["type"], f"{name}: {answer.headers['Content-Type']}")
    if "width" not in promised["about"]:
        return
    picture = Image.open(io.BytesIO(answer.content))
    expect(picture.size == (promised["about"]["width"], promised["about"]["height"]), f"{name}: {picture.size}")
    expect(not picture.getexif(), f"{name}: metadata was left in it")


def expect(truth: bool, otherwise: str) -> None:
    if not truth:
        raise Broken(otherwise)


def ms(began: float) -> int:
    return round((time.perf_counter() - began) * 1000)


def open_page(url: str) -> None:
    """Open a page where there is a desktop to show it on."""
    if sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(url)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="bin/demo",
        description="Upload, wait, download, report, webhooks, operations: the whole path on this machine.",
    )
    parser.add_argument("photos", nargs="*", type=Path, metavar="PHOTO")
    parser.add_argument("--once", action="store_true", help="exit after the cleanup")
    args = parser.parse_args()
    missing = [str(photo) for photo in args.photos if not photo.is_file()]
    if missing:
        parser.error(f"there is no file {', '.join(missing)}")
    folder = Path(tempfile.mkdtemp(prefix="pressroom-demo-"))
    try:
        say("Pressroom: Valkey, and the Procfile's processes")
        page_port = free_port()
        with (
            pressroom(folder, CORS_ORIGINS=f"http://127.0.0.1:{page_port}") as address,
            page(address, page_port) as page_url,
            httpx.Client(base_url=address, timeout=30) as client,
            receiving() as receiver,
        ):
            OUTPUT.mkdir(exist_ok=True)
            photos = [Sample(photo) for photo in args.photos] or samples(OUTPUT)
            receiver.subscribe(client, "/jobs", "job.*")
            drawn = []
            for photo in photos:
                drawn.append((photo.path.name, thumbnails(client, photo)))
                told(receiver, drawn[-1][1])
            told(receiver, report(client, drawn))
            webhook(client, receiver)
            operations(client)
            workflow(client, receiver, [photo.path for photo in photos])
            say(f"\nThe thumbnails and the report are in {OUTPUT}/.")
            if args.once:
                say("`bin/demo` stays up and prints commands to try; `bin/dev` starts the service for development.")
            else:
                say(f"A page that uploads without an API key (examples/browser): {page_url}\n")
                say("The same by hand:\n")
                say(f"  curl -si -F file=@{photos[0]} {address}/v1/images")
                say(f"  curl -s '{address}/v1/jobs/JOB_ID?wait=10'")
                say(f"  curl -sO {address}/v1/jobs/JOB_ID/files/small.jpg")
                say("  curl -sL -o report.pdf -H 'Accept: application/pdf' -H 'Content-Type: text/csv' \\")
                say(f"       --data-binary @YOURS.csv '{address}/v1/reports?title=Yours'\n")
                say(f"The console, with the jobs of this demo: {address}/console (the API's pages: {address}/docs)")
                say("Pressroom stays up until Ctrl-C.")
                open_page(f"{address}/console")
                with contextlib.suppress(KeyboardInterrupt):
                    signal.pause()
    except Broken as broken:
        say(f"demo: {broken}")
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
