import type { Job, Problem } from "./records.js";

/** Anything that this client throws by itself. */
export class PressroomError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The service did not answer, after all tries. `cause` is the error of fetch. */
export class NoAnswerError extends PressroomError {}

/** The service refused a request. `code` is `http_502` and the like where a proxy has answered. */
export class ApiError extends PressroomError {
  readonly code: string;
  readonly detail: string;
  readonly field: string | undefined;
  readonly limit: number | undefined;
  readonly requestId: string | undefined;
  /** Each field at fault, where several were examined. */
  readonly errors: NonNullable<Problem["errors"]>;

  constructor(
    readonly status: number,
    problem: Partial<Problem>,
    /** When to try again, in seconds, if the service says so. */
    readonly retryAfter: number | undefined,
  ) {
    const code = problem.code ?? `http_${status}`;
    const detail = problem.detail ?? "The answer is no problem of Pressroom.";
    super(`${detail} (HTTP ${status}, ${code}, request ${problem.request_id})`);
    this.code = code;
    this.detail = detail;
    this.field = problem.field ?? undefined;
    this.limit = problem.limit ?? undefined;
    this.requestId = problem.request_id;
    this.errors = problem.errors ?? [];
  }
}

/** The job that was waited for has failed or was cancelled. */
export class JobFailedError extends PressroomError {
  readonly code: string;

  constructor(readonly job: Job) {
    const code = job.error?.code ?? job.state;
    super(`Job ${job.id} has ${job.state}: ${job.error?.message} (${code})`);
    this.code = code;
  }
}

/** The job has not ended in the time that it was waited for. */
export class WaitTimeoutError extends PressroomError {
  constructor(readonly job: Job) {
    super(`Job ${job.id} has not ended; it is ${job.state}.`);
  }
}
