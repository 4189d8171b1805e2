// What a user does, with the types that openapi-typescript has made: `bin/clients` generates them and runs this.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

type Job = components["schemas"]["Job"];

const { PRESSROOM_URL, PRESSROOM_KEY, RECEIVER_URL } = process.env;
const client = createClient<paths>({ baseUrl: PRESSROOM_URL, headers: { Authorization: `Bearer ${PRESSROOM_KEY}` } });

async function ended(id: string): Promise<Job> {
  const { data, error } = await client.GET("/v1/jobs/{job_id}", {
    params: { path: { job_id: id }, query: { wait: 30 } },
  });
  assert(data, JSON.stringify(error));
  assert.equal(data.state, "succeeded");
  return data;
}

async function download(job: Job, name: string): Promise<ArrayBuffer> {
  const { data, error } = await client.GET("/v1/jobs/{job_id}/files/{name}", {
    params: { path: { job_id: job.id, name } },
    parseAs: "arrayBuffer",
  });
  assert(data, JSON.stringify(error));
  return data;
}

async function picture(): Promise<void> {
  const dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=";
  const form = new FormData();
  form.append("file", new Blob([Buffer.from(dot, "base64")], { type: "image/png" }), "dot.png");
  const { data, error } = await client.POST("/v1/images", {
    params: { query: { variants: "avatar" } },
    body: { file: [] },
    bodySerializer: () => form,
  });
  assert(data && "id" in data, JSON.stringify(error));
  const job = await ended(data.id);
  assert.equal(job.name, "dot.png");
  for (const file of job.files) {
    assert.equal((await download(job, file.name)).byteLength, file.bytes);
  }
}

async function report(): Promise<void> {
  const { data, error } = await client.POST("/v1/reports", {
    body: { document: { title: "Rules" }, blocks: [{ type: "text", text: "Be kind." }] },
  });
  assert(data && "id" in data, JSON.stringify(error));
  const pdf = await download(await ended(data.id), "report.pdf");
  assert.equal(Buffer.from(pdf).subarray(0, 5).toString(), "%PDF-");
}

async function webhook(): Promise<void> {
  const endpoint = await client.POST("/v1/endpoints", { body: { url: RECEIVER_URL ?? "", events: ["shop.*"] } });
  assert(endpoint.data, JSON.stringify(endpoint.error));
  const event = await client.POST("/v1/events", { body: { type: "shop.open", data: { shop: 12 } } });
  assert(event.data, JSON.stringify(event.error));
  await ended(event.data.id);
  const page = await client.GET("/v1/deliveries", { params: { query: { event: event.data.id } } });
  assert.deepEqual(page.data?.deliveries.map((one) => one.endpoint), [endpoint.data.id]);
}

async function refusal(): Promise<void> {
  const { error, response } = await client.POST("/v1/events", { body: { type: "shop open", data: {} } });
  assert.equal(response.status, 422);
  assert.deepEqual([error?.code, error?.field], ["invalid_request", "type"]);
}

await picture();
await report();
await webhook();
await refusal();
console.log("TypeScript: a picture, a report, an event and a refusal, with the generated types.");
