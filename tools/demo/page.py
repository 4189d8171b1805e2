"""The demo's web page: serves `examples/browser`, and mints its upload tokens as a user's own server would."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "browser"
TOKEN = {"types": ["image/jpeg", "image/png", "image/webp", "image/heic"], "max_bytes": 20_000_000, "expires": "15m"}


@contextmanager
def page(
    pressroom: str, port: int, key: str | None = None, *, folder: Path = FOLDER, token: Mapping[str, object] = TOKEN
) -> Iterator[str]:
    """Serve the page until the block ends.

    Args:
        pressroom: Where Pressroom is.
        port: Of the page. Its origin is in CORS_ORIGINS.
        key: An API key, which stays here; None in the open mode.
        folder: The files of the page.
        token: What its upload tokens allow.

    Yields:
        The URL of the page.
    """
    origin = f"http://127.0.0.1:{port}"
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' {pressroom}; "
        f"connect-src 'self' {pressroom}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )

    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

        def do_POST(self) -> None:
            # A real one asks here who is signed in. Only its own pages may ask, for other sites can post here too.
            if self.path != "/upload-token" or self.headers["Origin"] != origin:
                self.send_error(403)
                return
            answer = httpx.post(f"{pressroom}/v1/upload-tokens", headers=headers, json={"origin": origin, **token})
            body = answer.content
            if answer.is_success:
                body = httpx.Response(200, json={"url": pressroom, "token": answer.json()["token"]}).content
            self.send_response(answer.status_code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Cache-Control", "no-store")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def end_headers(self) -> None:
            self.send_header("Content-Security-Policy", policy)
            self.send_header("Referrer-Policy", "no-referrer")
            super().end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's names
            """The demo prints what matters."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"{origin}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
