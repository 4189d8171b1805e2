// Draws pictures with sharp, as its users do: one pipeline for each size. Reads a line of JSON for each task and answers
// with one; CPU milliseconds are those of all threads. No file is written while the time is taken.
import fs from "node:fs";
import readline from "node:readline";
import sharp from "sharp";

sharp.cache(false); // each picture of a service is another one
sharp.concurrency(1);

async function draw(input, { sides, format }) {
  const outputs = [];
  for (const side of sides) {
    const image = sharp(input).rotate().resize(side, side, { fit: "inside", withoutEnlargement: true });
    const encoded = format === "jpeg" ? image.flatten({ background: "#ffffff" }).jpeg({ quality: 80 }) : image.webp({ quality: 80 });
    outputs.push(await encoded.toBuffer());
  }
  return outputs;
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const task = JSON.parse(line);
  const before = process.cpuUsage();
  let outputs;
  for (let time = 0; time < task.times; time++) outputs = await draw(fs.readFileSync(task.path), task);
  const used = process.cpuUsage(before);
  const files = outputs.map((output, number) => {
    const file = `${task.folder}/${task.sides[number]}.${task.format}`;
    fs.writeFileSync(file, output);
    return file;
  });
  process.stdout.write(JSON.stringify({ cpu_ms: (used.user + used.system) / 1000 / task.times, files }) + "\n");
}
