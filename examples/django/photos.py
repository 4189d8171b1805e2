"""Photos in Django: PRESSROOM_URL=… PRESSROOM_KEY=… WEBHOOK_SECRET=… DJANGO_SECRET_KEY=… python photos.py runserver"""

import os
import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.urls import path
from django.utils.html import format_html, format_html_join
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from pressroom_client import Client, PressroomError, SignatureError, verify_webhook

settings.configure(
    SECRET_KEY=os.environ["DJANGO_SECRET_KEY"],
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
    ROOT_URLCONF=__name__,
)
pressroom = Client(os.environ["PRESSROOM_URL"], os.environ["PRESSROOM_KEY"])
FORM = """<form action="/photos" method="post" enctype="multipart/form-data">
<input type="hidden" name="csrfmiddlewaretoken" value="{}">
<input type="file" name="photo"><button>Upload</button></form>"""


def form(request: HttpRequest) -> HttpResponse:
    return HttpResponse(format_html(FORM, get_token(request)))


@require_POST
def upload(request: HttpRequest) -> HttpResponse:
    photo = request.FILES["photo"]
    job = pressroom.submit_image(photo.file, name=photo.name, urls="public")
    return redirect(f"/photos/{job.id}")  # keep the id beside your user: who knows it sees the photo here


def show(request: HttpRequest, job_id: str) -> HttpResponse:
    try:
        job = pressroom.wait(job_id, timeout_s=20)
    except PressroomError as error:
        return HttpResponse(str(error), status=422, content_type="text/plain")
    return HttpResponse(format_html_join("", '<img src="{}" alt="{}">', ((one.url, one.name) for one in job.files)))


@csrf_exempt
@require_POST
def webhook(request: HttpRequest) -> HttpResponse:
    try:
        verify_webhook(request.body, request.headers, os.environ["WEBHOOK_SECRET"])
    except SignatureError:
        return HttpResponse(status=400)
    return HttpResponse(status=204)  # note the event here, by its id; do the work later


urlpatterns = [path("", form), path("photos", upload), path("photos/<str:job_id>", show), path("webhooks", webhook)]
if __name__ == "__main__":
    execute_from_command_line(sys.argv)
