// Photos in plain Node: PRESSROOM_URL=… PRESSROOM_KEY=… WEBHOOK_SECRET=… node photos.mjs
import { createServer } from "node:http";
import { Pressroom, PressroomError } from "pressroom-client";
import { SignatureError, verifyWebhook } from "pressroom-client/webhooks";

const PAGE = `<!doctype html><input type="file" id="file"><p id="photos"></p>
<script>
  file.onchange = async () => {
    const { id } = await (await fetch("photos", { method: "POST", body: file.files[0] })).json();
    const urls = await (await fetch("photos/" + id)).json();
    for (const url of urls) photos.append(Object.assign(new Image(), { src: url }));
  };
</script>`;
const MAX_BYTES = 20_000_000;
const { PRESSROOM_URL: url, PRESSROOM_KEY: key, WEBHOOK_SECRET: secret, PORT = "3000" } = process.env;
const pressroom = new Pressroom({ url, key });

async function bodyOf(request) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new RangeError(`More than ${MAX_BYTES} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function answer(request) {
  const [, first, id] = new URL(request.url, "http://localhost").pathname.split("/");
  if (request.method === "POST" && first === "webhooks") {
    verifyWebhook(await bodyOf(request), request.headers, secret);
    return [204]; // note the event here, by its id; do the work later
  }
  if (request.method === "POST" && first === "photos") {
    const job = await pressroom.submitImage(await bodyOf(request), { urls: "public" });
    return [200, "application/json", JSON.stringify({ id: job.id })]; // keep the id beside your user
  }
  if (first === "photos" && id) {
    const job = await pressroom.wait(id, 20);
    return [200, "application/json", JSON.stringify(job.files.map((file) => file.url))];
  }
  return first ? [404] : [200, "text/html", PAGE];
}

createServer(async (request, response) => {
  const [status, type, body] = await answer(request).catch((error) => {
    if (error instanceof SignatureError) return [400];
    if (error instanceof RangeError) return [413, "text/plain", error.message];
    if (error instanceof PressroomError) return [422, "text/plain", error.message];
    console.error(error);
    return [500];
  });
  response.writeHead(status, type ? { "Content-Type": type } : {}).end(body);
}).listen(Number(PORT));
