// The thirty lines that people write: an upload is a file and a job. PORT, REDIS_URL, UPLOADS.
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Job, Queue, QueueEvents } from "bullmq";
import Fastify from "fastify";
import Redis from "ioredis";

const connection = new Redis(process.env.REDIS_URL, { maxRetriesPerRequest: null });
const queue = new Queue("images", { connection });
const events = new QueueEvents("images", { connection: connection.duplicate() });
const app = Fastify({ bodyLimit: 50 * 2 ** 20 });

app.addContentTypeParser("image/jpeg", { parseAs: "buffer" }, (request, body, done) => done(null, body));
app.post("/images", async (request, reply) => {
  const path = join(process.env.UPLOADS, randomUUID());
  await writeFile(path, request.body);
  const job = await queue.add("thumbnails", { path });
  return reply.code(202).send({ id: job.id });
});
app.get("/images/:id", async (request) => {
  const job = await Job.fromId(queue, request.params.id);
  return { files: await job.waitUntilFinished(events) };
});
await app.listen({ port: Number(process.env.PORT), host: "127.0.0.1" });
