// Reads {secret, requests: [{headers, body (base64)}, …]} and prints what `verify` makes of each: the event, or null.
import { readFileSync } from "node:fs";
import { verify } from "./verify.mjs";

const { secret, requests } = JSON.parse(readFileSync(0));

function judged({ headers, body }) {
  try {
    return verify(Buffer.from(body, "base64"), headers, secret);
  } catch {
    return null;
  }
}

console.log(JSON.stringify(requests.map(judged)));
