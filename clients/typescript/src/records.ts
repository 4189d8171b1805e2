// What the service takes and answers: types of its OpenAPI document, from which `npm run types` makes api.ts.
import type { components, paths } from "./api.js";

export type Job = components["schemas"]["Job"];
export type JobFile = components["schemas"]["File"];
export type Problem = components["schemas"]["Problem"];
export type ReportSpec = components["schemas"]["ReportBody"];
export type Variant = components["schemas"]["Variant"];

type Query<Path extends "/v1/images" | "/v1/reports" | "/v1/events"> = NonNullable<
  paths[Path]["post"]["parameters"]["query"]
>;

/** What every submit takes besides the query of its path. */
export interface Labels {
  /** By which the job is found again. */
  tags?: readonly string[];
  /** Returned with the job, and sent in its webhooks. */
  metadata?: Readonly<Record<string, string | number | boolean>>;
  /** A URL that is sent the job's end. With a secret (`whsec_…`) it is signed. */
  notify?: string | { url: string; secret: string };
  /** A submit with the key of an earlier one is the same job. The client makes one for each call. */
  idempotencyKey?: string;
}
type With<Options> = Omit<Options, keyof Labels> & Labels;

export type ImageOptions = With<Omit<Query<"/v1/images">, "variants">> & {
  /** The name of a preset, or variants. */
  variants?: string | readonly Variant[];
};
export type ReportOptions = With<Pick<Query<"/v1/reports">, keyof Query<"/v1/reports"> & keyof Query<"/v1/images">>>;
export type TableOptions = With<Query<"/v1/reports">> & {
  /** The media type; by default the service looks at the bytes. */
  contentType?: string;
};
export type EventOptions = With<Query<"/v1/events">> & {
  /** A tenant or customer of yours. */
  channel?: string;
  /** Of your own: published again with the same content, it has no effect. */
  id?: string;
};
