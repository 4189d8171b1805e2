import { ApiError, NoAnswerError } from "./errors.js";
import type { Problem } from "./records.js";

/** Bytes that can be sent several times. */
export type Content = Blob | ArrayBuffer | ArrayBufferView | string;

/** A request. waitSeconds: how long the service may hold it. */
export interface Call {
  method: string;
  path: string;
  query?: Readonly<Record<string, unknown>>;
  headers?: Record<string, string>;
  body?: Content;
  waitSeconds?: number;
}

export interface SendOptions {
  /** Of the service, such as `https://pressroom.example`. */
  url: string;
  /** An API key; on a page an upload or job token. */
  key?: string | undefined;
  /** How often a request is sent, at most. */
  attempts?: number;
  /** If the service asks for a longer pause than these seconds, the error is thrown at once. */
  longestWaitSeconds?: number;
  /** Seconds after which a request is given up, those for which it waits for a job not counted. */
  timeoutSeconds?: number;
  /** In place of the global fetch. */
  fetch?: typeof fetch;
}

/** Whether these requests had an effect is not known: only what may be repeated is sent again. After 429 anything is. */
const AWAY = new Set([502, 503, 504]);
const REPEATABLE = new Set(["GET", "PUT", "DELETE"]);
const FIRST_PAUSE_SECONDS = 0.5;
const LONGEST_PAUSE_SECONDS = 8;

/** Send a request as often as needed, and read the answer. */
export async function send<T>(options: SendOptions, call: Call, read: (answer: Response) => Promise<T>): Promise<T> {
  const { attempts = 5, longestWaitSeconds = 60, timeoutSeconds = 300 } = options;
  const headers: Record<string, string> = { Accept: "application/json, */*", ...call.headers };
  if (options.key) headers["Authorization"] = `Bearer ${options.key}`;
  const repeatable = REPEATABLE.has(call.method) || "Idempotency-Key" in headers;
  const url = options.url.replace(/\/+$/, "") + call.path + queryOf(call.query ?? {});
  for (let attempt = 1; ; attempt++) {
    let answer: Response;
    try {
      answer = await (options.fetch ?? fetch)(url, {
        method: call.method,
        headers,
        body: (call.body ?? null) as BodyInit | null,
        // A download may be redirected to the storage, to which fetch sends no key.
        redirect: call.method === "GET" ? "follow" : "manual",
        signal: AbortSignal.timeout(1000 * (timeoutSeconds + (call.waitSeconds ?? 0))),
      });
      if (answer.ok) return await read(answer);
    } catch (error) {
      if (!repeatable || attempt >= attempts) {
        throw new NoAnswerError(`${call.method} ${call.path}: ${String(error)}`, { cause: error });
      }
      await pause(pauseBefore(attempt));
      continue;
    }
    const asked = retryAfterOf(answer);
    const again = answer.status === 429 || (repeatable && AWAY.has(answer.status));
    if (!again || attempt >= attempts || (asked ?? 0) > longestWaitSeconds) {
      throw new ApiError(answer.status, await problemOf(answer), asked);
    }
    await answer.body?.cancel();
    await pause(asked ?? pauseBefore(attempt));
  }
}

export function pause(seconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, 1000 * seconds));
}

/** Twice as long each time, and at random between the half and the whole, so that clients do not come together. */
function pauseBefore(attempt: number): number {
  const longest = Math.min(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1), LONGEST_PAUSE_SECONDS);
  return longest * (0.5 + Math.random() / 2);
}

/** The header Retry-After, seconds or a date, as seconds. */
function retryAfterOf(answer: Response): number | undefined {
  const value = answer.headers.get("retry-after") ?? "";
  if (/^[0-9]+$/.test(value)) return Number(value);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max((date - Date.now()) / 1000, 0);
}

async function problemOf(answer: Response): Promise<Partial<Problem>> {
  try {
    const found: unknown = await answer.json();
    return typeof found === "object" && found !== null ? found : {};
  } catch {
    return {};
  }
}

function queryOf(query: Readonly<Record<string, unknown>>): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  return given.length ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : "";
}
