"""The application of the web process, which `python -m api` serves. Importing this opens nothing; the lifespan does."""

import asyncio
import gc
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NoReturn

import structlog
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE

from api.changes.broadcast import Broadcast
from api.console.pages.problem import PageProblems
from api.http import problems
from api.http.access.account_cache import AccountCache
from api.http.access.auditor import Auditor
from api.http.access.auth import AuthMiddleware
from api.http.access.cors import CorsPolicy
from api.http.access.first_key import announce_keys, note_keys
from api.http.access.forwarded import Forwarding
from api.http.access.hosts import HostPolicy, check_public_url
from api.http.access.key_use import KeyUse
from api.http.access.keys import Keys
from api.http.access.sessions import Sessions
from api.http.access.throttle import Throttle
from api.http.body import LargeBodies
from api.http.context import Context
from api.http.kept_answers import KeptAnswers
from api.http.middleware import RequestMiddleware
from api.http.quotas.byte_quotas import ByteQuotas
from api.http.quotas.request_rates import RequestRates
from api.openapi import describe
from api.operations.http_counts import HttpCounts
from api.presets.known import known_presets
from api.public_files.live_files import LiveJobs
from api.reports.spec_process import SpecProcess
from api.routes import all_routes
from api.server.allocator import bound_freed_memory
from api.server.connections import Connections
from api.server.shutdown import Shutdown
from api.webhooks.outgoing import webhooks
from api.webhooks.url_policy import UrlPolicy
from tasks.accounts.audit import AuditLog
from tasks.accounts.tokens.portal_links import PortalLinks
from tasks.accounts.tokens.upload_tokens import UploadTokens
from tasks.catalogue import load_kinds
from tasks.history.store import History
from tasks.kind import counted
from tasks.process_memory import hide_from_others
from tasks.public_files.urls import PublicFiles
from tasks.queue.account_keys import ACCOUNTS
from tasks.queue.connect import close, connect
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.lanes.stats import QueueStats
from tasks.queue.memory import MemoryWatch
from tasks.queue.process_registry import ProcessRegistry
from tasks.queue.records.list import Listing
from tasks.queue.start_check import StartRefusedError, joined
from tasks.queue.watch.watch import Watch
from tasks.schedule.scheduler import Scheduler
from tasks.schedule.store import ScheduleStore
from tasks.settings import Settings, load
from tasks.stopping import stop
from tasks.storage.open import open_storage
from tasks.telemetry import logs, tracing
from tasks.telemetry.outage_log import OutageLog
from tasks.webhook.endpoints import Endpoints, open_box

log = structlog.get_logger()

COLLECT_AFTER = 5_000
"""Objects by which a process grows before it looks for cycles. A request leaves none, so that looking after 700, the
default of Python, finds only requests that are not answered yet, and takes them 12 µs each."""


def create_app(given: Settings | None = None) -> FastAPI:
    """Build the application.

    Args:
        given: Its settings. Without them they are read from the environment when the server starts.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with AsyncExitStack() as stack:
            try:
                settings = given or load()
                logs.configure(settings)
                tracing.configure(settings.otel_exporter_otlp_endpoint, "pressroom-web")
                context = await stack.enter_async_context(opened(settings, end if given is None else _log_refusal))
            except (ValueError, StartRefusedError) as error:
                if given is not None:
                    raise
                end(error)
            if given is None:
                bound_freed_memory()
                # What is loaded now is never freed: a full collection that visited it would delay every request.
                gc.collect()
                gc.freeze()
                gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])
                gc.enable()  # which `api.server.run` put off
                hide_from_others()
                context.shutdown.install()
            yield {"context": context, "connections": context.connections}

    app = FastAPI(
        title="Pressroom",
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,  # FastAPI's pages load scripts from another site; `api.console.reference` has ours
        redoc_url=None,
        webhooks=webhooks,
        # FastAPI's spans contain queries, which may have secrets, and error texts. `api.http.middleware` makes ours.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.add_middleware(AuthMiddleware)
    app.add_middleware(RequestMiddleware)  # so far out that it also handles what AuthMiddleware refuses
    app.add_middleware(PageProblems)  # outermost, so that it also sees unexpected errors
    problems.install(app)
    # Not `include_router`: FastAPI matches an included router twice for each request, which takes 10 to 60 µs.
    app.router.routes.extend(all_routes())
    describe(app)
    return app


def end(error: Exception) -> NoReturn:
    """End this process with one line: uvicorn would print its own traceback and hide the line in it. By the exit status
    its supervisor knows that the start has failed, and does not try again."""
    sys.stderr.write(f"web: {error}\n")
    sys.stderr.flush()
    os._exit(STARTUP_FAILURE)


def _log_refusal(error: Exception) -> None:
    log.error("api.refused", error=str(error))


@asynccontextmanager
async def opened(settings: Settings, refused: Callable[[Exception], object]) -> AsyncIterator[Context]:
    """Open everything that the endpoints need, log it, and close it in the end.

    Args:
        settings: The settings of the process.
        refused: Called if Redis answers only later, and will not do.

    Raises:
        ValueError: A setting cannot work; the message says which, and what to write.
        StartRefusedError: Redis will not do; the message says why, and what to do.
    """
    tempfile.gettempdir()  # chosen now: one that is full when it is first needed would not be recognised
    kinds, presets = load_kinds(settings), known_presets(settings)
    check_public_url(settings)
    keys, storage = Keys(settings), open_storage(settings)
    connections = Connections(settings, storage.memory)
    box, url_policy = open_box(settings), UrlPolicy(settings)
    redis = connect(
        settings.redis_url.get_secret_value(),
        ssl_cert_reqs=settings.redis_ssl_cert_reqs,
        ca=settings.redis_ca,
        max_connections=settings.redis_max_connections,
    )
    registry, history = ProcessRegistry(redis, settings), History(redis, storage, settings)
    redis_outage = OutageLog("redis.away", "redis.back", is_over=lambda: registry.beaten_at > redis_outage.failed_at)
    key_use = KeyUse(redis, settings.key_use_s)
    accounts = AccountCache(redis, settings, redis_outage, key_use)
    request_rates = RequestRates(redis)
    watch = Watch(redis, {ACCOUNTS: accounts.forget})
    audit_log = AuditLog(redis)
    auditor = Auditor(audit_log, settings)
    kept, spec_process = KeptAnswers(), SpecProcess(settings.spec_seconds)
    queue_stats = QueueStats(redis, settings)
    changes = Broadcast(settings, redis, watch, queue_stats, storage, kinds)
    watch.start()
    looking = asyncio.create_task(MemoryWatch(redis, settings).loop(), name="MemoryWatch")
    http_counts = HttpCounts(redis)
    counting = asyncio.create_task(http_counts.loop(), name="HttpCounts")
    noting = asyncio.create_task(key_use.loop(), name="KeyUse")
    try:
        log.info("api.storage", storage=storage.description)
        announce_keys(settings, keys, in_redis=None if settings.api_keys else await note_keys(redis, keys))
        async with joined(redis, registry, "api.redis", refused):
            if refusal := await storage.refused_at_start():
                raise StartRefusedError(refusal)
            yield Context(
                settings=settings,
                keys=keys,
                accounts=accounts,
                request_rates=request_rates,
                byte_quotas=ByteQuotas(redis),
                host_policy=HostPolicy(settings, keys),
                cors=CorsPolicy(settings),
                upload_tokens=UploadTokens(redis, settings),
                portal_links=PortalLinks(redis, settings),
                forwarding=Forwarding(settings),
                throttle=Throttle(settings.wrong_keys_per_minute, settings.wrong_keys_all_per_minute),
                sessions=Sessions(settings, keys, accounts),
                audit_log=audit_log,
                auditor=auditor,
                kept=kept,
                outages={"Redis": redis_outage, "The storage": OutageLog("storage.away", "storage.back")},
                http_counts=http_counts,
                redis=redis,
                enqueuer=Enqueuer(redis, settings, storage, counted(kinds)),
                watch=watch,
                changes=changes,
                shutdown=Shutdown(settings.drain_s, watch),
                storage=storage,
                public_files=PublicFiles.of(settings),
                live_jobs=LiveJobs(redis, history),
                box=box,
                url_policy=url_policy,
                endpoints=Endpoints(redis, settings, box),
                job_store=JobStore(redis, settings),
                queue_stats=queue_stats,
                listing=Listing(redis),
                history=history,
                schedule_store=ScheduleStore(redis, settings, storage),
                scheduler=Scheduler(redis, settings, counted(kinds)),
                connections=connections,
                large_bodies=LargeBodies(settings.max_waiting_specs),
                spec_process=spec_process,
                kinds=kinds,
                presets=presets,
            )
    finally:
        await auditor.close()
        await spec_process.close()
        await stop(looking, counting, noting)
        await http_counts.close()
        await key_use.close()
        await changes.close()
        await watch.stop()
        await kept.close()
        await request_rates.close()
        await url_policy.close()
        await close(redis)


app = create_app()
