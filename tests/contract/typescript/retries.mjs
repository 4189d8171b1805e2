// When the client sends a request again, and with what. A fetch of our own gives the answers.
import assert from "node:assert/strict";
import { ApiError, JobFailedError, NoAnswerError, Pressroom, WaitTimeoutError } from "pressroom-client";

const job = { id: "5e6b", kind: "thumbnail", state: "succeeded", files: [] };
const json = (status, body, headers = {}) => () => new Response(JSON.stringify(body), { status, headers });
const done = json(202, job);
const refused = (status, headers = { "Retry-After": "0" }) => json(status, { code: "busy", detail: "Later.", field: "a" }, headers);
const cut = () => {
  throw new TypeError("fetch failed");
};

/** A client whose requests are answered so, and its requests. */
function clientOf(...answers) {
  const requests = [];
  const fetch = async (url, options) => {
    requests.push({ url, ...options });
    return answers.shift()();
  };
  return { client: new Pressroom({ url: "http://pressroom.test/", key: "pr_key", fetch }), requests };
}

{
  const { client, requests } = clientOf(refused(429), cut, refused(503), done);
  await client.submitImage("GIF89a", { tags: ["a", "b"], metadata: { café: 1 }, notify: "https://a.example", name: "ü" });
  assert.equal(new Set(requests.map((one) => one.headers["Idempotency-Key"])).size, 1);
  assert.deepEqual(requests.map((one) => one.body), Array(4).fill("GIF89a"));
  const [{ url, headers }] = requests;
  assert.equal(url, "http://pressroom.test/v1/images?name=%C3%BC");
  assert.equal(headers["Pressroom-Tags"], "a,b");
  assert.equal(headers["Pressroom-Metadata"], '{"caf\\u00e9":1}');
  assert.equal(headers["Pressroom-Notify"], '{"url":"https://a.example"}');
  assert.equal(headers.Authorization, "Bearer pr_key");
}
for (const [trouble, kind] of [[refused(503), ApiError], [cut, NoAnswerError]]) {
  const { client, requests } = clientOf(trouble, done);
  await assert.rejects(client.request("POST", "/v1/batches", { json: {} }), kind);
  assert.equal(requests.length, 1, "it may have had an effect");
}
{
  const { client } = clientOf(refused(413));
  await assert.rejects(client.submitReport({ blocks: [] }), { name: "ApiError", status: 413, code: "busy", field: "a" });
}
{
  const { client, requests } = clientOf(refused(429, { "Retry-After": "3600" }), done);
  await assert.rejects(client.submitReport({ blocks: [] }), { retryAfter: 3600 });
  assert.equal(requests.length, 1);
}
for (const page of [() => new Response("<h1>Bad", { status: 404 }), json(404, null), json(404, [1])]) {
  await assert.rejects(clientOf(page).client.getJob("5e6b"), { code: "http_404" });
}
{
  const failed = { ...job, state: "failed", error: { code: "corrupt", message: "It is damaged." } };
  await assert.rejects(clientOf(json(200, failed)).client.wait("5e6b"), (error) => {
    assert(error instanceof JobFailedError);
    assert.equal(error.code, "corrupt");
    return true;
  });
  await assert.rejects(clientOf(json(200, { ...job, state: "running" })).client.wait("5e6b", 0), WaitTimeoutError);
}
{
  const { client, requests } = clientOf(() => new Response("bytes"));
  await client.download("../keys", "a/b?c");
  assert.equal(requests[0].url, "http://pressroom.test/v1/jobs/..%2Fkeys/files/a%2Fb%3Fc");
  for (const name of ["", ".", ".."]) assert.throws(() => client.download("5e6b", name), TypeError);
}
console.log("retried");
