"""Settings of the HTTP server: where it listens, and what a client may take from it."""

from pydantic import BaseModel, Field


class ServerSettings(BaseModel):
    """Where `python -m api` listens, and the limits of a connection."""

    # The HTTP server
    web_hosts: str = Field(
        "0.0.0.0,::",
        description="`address,address`: where the web process listens. The default is every address of IPv4 and IPv6.",
    )
    port: int = Field(8000, ge=1, le=65_535, description="The port of the web process.")
    web_concurrency: int = Field(1, ge=1, description="Processes that answer HTTP on the port.")
    http_max_connections: int = Field(
        2_000,
        gt=0,
        description="Connections of clients to one web process. At the limit, the one that has been without a request for longest is closed for a new one; if all are busy, the answer is 503.",
    )
    http_max_header_bytes: int = Field(
        32 * 1024, ge=1024, description="Bytes of a request's line and header fields together; more is answered 431."
    )
    http_max_header_fields: int = Field(100, ge=10, description="Header fields of one request; more are answered 431.")
    http_header_timeout_s: float = Field(
        10,
        gt=0,
        description="Seconds in which the head of a request must arrive; then 408, or the connection is closed.",
    )
    http_body_min_bytes_per_s: int = Field(
        1024,
        gt=0,
        description="Bytes per second with which a body must arrive. Time in which the server does not read does not count.",
    )
    http_body_grace_s: float = Field(
        20,
        gt=0,
        description="Seconds for which a body may come slower than that, or not at all, before it is answered 408.",
    )
    http_send_timeout_s: float = Field(
        60, gt=0, description="Seconds in which a client must take some of its answer; then the connection is closed."
    )
    http_keep_alive_s: float = Field(
        95,
        gt=0,
        description="Seconds for which a connection may be idle. Longer than the router's 90, or it would send requests to connections that close.",
    )
