// Calls what page.ts exports as a browser would: the origin of the page goes with each request.
import { readFile } from "node:fs/promises";
import { thumbnails } from "./page.js";

const send = globalThis.fetch;
globalThis.fetch = (url, options) => send(url, { ...options, headers: { ...options.headers, Origin: "https://app.example.com" } });
const photo = new File([await readFile("photo.jpg")], "photo.jpg", { type: "image/jpeg" });
for (const url of await thumbnails(process.env.PRESSROOM_URL, process.env.UPLOAD_TOKEN, photo)) {
  const answer = await send(url); // no token
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  console.log(url);
}
