// Draws the sizes of SIDES, as many pictures at once as there are processor cores. REDIS_URL, SIDES.
import { availableParallelism } from "node:os";
import { Worker } from "bullmq";
import Redis from "ioredis";
import sharp from "sharp";

const sides = process.env.SIDES.split(",").map(Number);
const connection = new Redis(process.env.REDIS_URL, { maxRetriesPerRequest: null });

async function draw(path, side) {
  const file = `${path}-${side}.jpg`;
  await sharp(path).rotate().resize(side, side, { fit: "inside" }).jpeg({ quality: 80 }).toFile(file);
  return file;
}

const worker = new Worker("images", (job) => Promise.all(sides.map((side) => draw(job.data.path, side))), {
  connection,
  concurrency: availableParallelism(),
});
worker.on("completed", () => connection.incr("done"));
