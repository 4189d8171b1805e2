// The client. Webhooks are verified by `pressroom-client/webhooks`, which needs Node.
import { JobFailedError, WaitTimeoutError } from "./errors.js";
import type { EventOptions, ImageOptions, Job, Labels, ReportOptions, ReportSpec, TableOptions } from "./records.js";
import { type Call, type Content, pause, send, type SendOptions } from "./sending.js";

export * from "./errors.js";
export type * from "./records.js";
export type { Content, SendOptions } from "./sending.js";

const LONGEST_WAIT_SECONDS = 25;
/** A service that is about to stop answers a request that waits at once: then the next one comes after these seconds. */
const EARLY_PAUSE_SECONDS = 0.5;
const BINARY = "application/octet-stream"; // the service looks at the bytes

/** A client for one service and one key. */
export class Pressroom {
  readonly #options: SendOptions;

  constructor(options: SendOptions) {
    this.#options = options;
  }

  /** Upload a picture, of which a job makes variants. */
  submitImage(image: Content, options: ImageOptions = {}): Promise<Job> {
    const { variants, ...rest } = options;
    const chosen = typeof variants === "object" ? JSON.stringify(variants) : variants;
    return this.#submit("/v1/images", image, BINARY, { name: nameOf(image), ...rest, variants: chosen });
  }

  /** On a page: upload a picture with an upload token. The answer's token is the `key` that sees the job. */
  async uploadFromPage(image: Content, name = nameOf(image)): Promise<{ id: string; token: string }> {
    const headers = { "Content-Type": BINARY, "Idempotency-Key": randomKey() };
    const call = { method: "POST", path: "/v1/images", query: { name }, headers, body: image };
    return send(this.#options, call, (answer) => answer.json());
  }

  /** Make a report from a spec. */
  submitReport(spec: ReportSpec, options: ReportOptions = {}): Promise<Job> {
    return this.#submit("/v1/reports", JSON.stringify(spec), "application/json", options);
  }

  /** Make a report from a table: CSV, NDJSON, or a workbook. */
  submitTable(table: Content, options: TableOptions = {}): Promise<Job> {
    const { contentType = BINARY, ...rest } = options;
    return this.#submit("/v1/reports", table, contentType, { name: nameOf(table), ...rest });
  }

  /** Publish an event to the webhook endpoints that subscribe to it. */
  publishEvent(type: string, data: unknown, options: EventOptions = {}): Promise<Job> {
    const { channel, id, ...rest } = options;
    return this.#submit("/v1/events", JSON.stringify({ type, data, channel, id }), "application/json", rest);
  }

  /** The job's record. waitSeconds: for which the service may wait for its end, 25 at most. */
  getJob(job: Job | string, waitSeconds = 0): Promise<Job> {
    const wait = Math.max(0, Math.min(waitSeconds, LONGEST_WAIT_SECONDS));
    const call = { method: "GET", path: pathOf(job), query: wait ? { wait } : {}, waitSeconds: wait };
    return send(this.#options, call, (answer) => answer.json());
  }

  /** Wait until a job has succeeded. Throws JobFailedError, and WaitTimeoutError after timeoutSeconds. */
  async wait(job: Job | string, timeoutSeconds = 300): Promise<Job> {
    const until = Date.now() + 1000 * timeoutSeconds;
    for (;;) {
      const found = await this.getJob(job, (until - Date.now()) / 1000);
      if (found.state === "succeeded") return found;
      if (found.state === "failed" || found.state === "cancelled") throw new JobFailedError(found);
      if (Date.now() >= until) throw new WaitTimeoutError(found);
      await pause(EARLY_PAUSE_SECONDS);
    }
  }

  /** Cancel a job that has not ended. */
  cancelJob(job: Job | string): Promise<Job> {
    return send(this.#options, { method: "POST", path: `${pathOf(job)}/cancellation` }, (answer) => answer.json());
  }

  /** An output file of a job that has succeeded. */
  download(job: Job | string, name: string): Promise<Blob> {
    const call = { method: "GET", path: `${pathOf(job)}/files/${segment(name)}` };
    return send(this.#options, call, (answer) => answer.blob());
  }

  /** Any other request of the API. The answer is its JSON, or undefined if there is none. */
  request(method: string, path: string, options: { query?: Call["query"]; json?: unknown } = {}): Promise<unknown> {
    const call: Call = { method, path, query: options.query ?? {} };
    if (options.json !== undefined) {
      call.headers = { "Content-Type": "application/json" };
      call.body = JSON.stringify(options.json);
    }
    return send(this.#options, call, async (answer) => {
      const text = await answer.text();
      return text ? JSON.parse(text) : undefined;
    });
  }

  /** Logs have URLs, but no headers: what may be secret is a header. */
  #submit(path: string, body: Content, contentType: string, options: object): Promise<Job> {
    const { tags, metadata, notify, idempotencyKey, ...query } = options as Labels & Record<string, unknown>;
    const headers: Record<string, string> = {
      "Content-Type": contentType,
      "Idempotency-Key": idempotencyKey ?? randomKey(),
    };
    if (tags) headers["Pressroom-Tags"] = tags.join(",");
    if (metadata) headers["Pressroom-Metadata"] = inAscii(metadata);
    if (notify) headers["Pressroom-Notify"] = inAscii(typeof notify === "string" ? { url: notify } : notify);
    return send(this.#options, { method: "POST", path, query, headers, body }, (answer) => answer.json());
  }
}

function pathOf(job: Job | string): string {
  return `/v1/jobs/${segment(typeof job === "string" ? job : job.id)}`;
}

/** A part of a path. With `.` and `..` fetch would come to another path. */
function segment(name: string): string {
  if (/^\.{0,2}$/.test(name)) throw new TypeError(`"${name}" is neither a job's id nor a file's name.`);
  return encodeURIComponent(name);
}

function nameOf(content: Content): string | undefined {
  return content instanceof Blob && "name" in content && typeof content.name === "string" ? content.name : undefined;
}

/** 128 random bits. (`crypto` has no global name in Node 18, but keys need not be secret.) */
function randomKey(): string {
  const one = () => Math.floor(Math.random() * 2 ** 32).toString(16).padStart(8, "0");
  return globalThis.crypto?.randomUUID?.() ?? one() + one() + one() + one();
}

/** JSON that a header can carry. */
function inAscii(value: unknown): string {
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
