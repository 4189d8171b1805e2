// Verifies what Pressroom sends to a webhook endpoint (Standard Webhooks).
import { createHmac, timingSafeEqual } from "node:crypto";
import { PressroomError } from "./errors.js";

const TOLERANCE_SECONDS = 5 * 60;

/** The request is no webhook that was signed with the secret, or it is too old. Answer 400. */
export class SignatureError extends PressroomError {}

/** An event that has arrived. */
export interface WebhookEvent {
  /** The same for each copy of the event: keep those that were handled for four days. */
  id: string;
  type: string;
  timestamp: string;
  data: unknown;
}

/**
 * The event in a request, if it was signed with the secret a short time ago. Throws SignatureError.
 *
 * body: the bytes as they came. headers: of node:http, or of fetch. secret: the endpoint's, `whsec_…`.
 */
export function verifyWebhook(
  body: Uint8Array | string,
  headers: Headers | Record<string, string | string[] | undefined>,
  secret: string,
): WebhookEvent {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  if (!key.length) throw new TypeError("The secret is no whsec_… with base64 behind it.");
  const given = (name: string) => {
    const value = headers instanceof Headers ? headers.get(name) : headers[name];
    return typeof value === "string" ? value : "";
  };
  const id = given("webhook-id");
  const sentAt = given("webhook-timestamp");
  const isFresh = /^[0-9]{1,12}$/.test(sentAt) && Math.abs(Date.now() / 1000 - Number(sentAt)) <= TOLERANCE_SECONDS;
  if (!isFresh) throw new SignatureError("The time of the request is missing, too old, or in the future.");
  const expected = createHmac("sha256", key).update(`${id}.${sentAt}.`).update(body).digest();
  for (const entry of given("webhook-signature").split(" ")) {
    const [version, signature = ""] = entry.split(",");
    const found = Buffer.from(signature, "base64");
    if (version === "v1" && found.length === expected.length && timingSafeEqual(found, expected)) {
      const text = typeof body === "string" ? body : new TextDecoder().decode(body);
      return { ...(JSON.parse(text) as Omit<WebhookEvent, "id">), id };
    }
  }
  throw new SignatureError("No signature of the request fits the secret.");
}
