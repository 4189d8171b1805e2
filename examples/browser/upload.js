// Uploads photos with a token, follows their jobs, and shows what became of them. The page's own server answers
// POST /upload-token with { url, token }: where Pressroom is, and a token that is good for one upload.

import { ask, uploadInParts } from "./resumable.js";

const drop = document.querySelector("#drop");
const input = document.querySelector("#files");
const list = document.querySelector("#uploads");
const status = document.querySelector("#status");
const template = document.querySelector("#upload");

input.addEventListener("change", () => {
  start(input.files);
  input.value = ""; // so that the same photo can be chosen again
});
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
}
for (const name of ["dragleave", "drop"]) {
  drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.remove("over"); });
}
drop.addEventListener("drop", (event) => start(event.dataTransfer.files));
// A photo that misses the frame must not replace the page.
for (const name of ["dragover", "drop"]) {
  window.addEventListener(name, (event) => event.preventDefault());
}

function start(files) {
  for (const file of files) {
    handle(file, new Row(file));
  }
}

async function handle(file, row) {
  try {
    const { url, job } = await uploadInParts(file, mintToken, {
      progress: (part) => row.tell("Uploading", part),
      interrupted: () => row.tell("The connection was lost. Trying again"),
    });
    const ended = await follow(url, job, (part) => row.tell("Making the sizes", part));
    if (ended.state !== "succeeded") {
      throw new Error(ended.error?.message ?? `The job has ${ended.state}.`);
    }
    await row.show(ended.files);
  } catch (error) {
    row.fail(error.message);
  }
}

async function mintToken() {
  const response = await ask("upload-token", { method: "POST" });
  return response.json();
}

// EventSource sends no headers, so the token of the job is in the URL. It opens nothing but this job.
function follow(url, job, progress) {
  return new Promise((resolve, reject) => {
    const events = new EventSource(`${url}/v1/jobs/${job.id}/events?token=${job.token}`);
    events.addEventListener("progress", ({ data }) => {
      const { done, total } = JSON.parse(data);
      progress(total ? done / total : 0);
    });
    events.addEventListener("end", ({ data }) => {
      events.close();
      resolve(JSON.parse(data));
    });
    events.onerror = () => {
      if (events.readyState === EventSource.CLOSED) { // else the browser connects again by itself
        reject(new Error("The job can no longer be followed."));
      }
    };
  });
}

class Row {
  constructor(file) {
    this.name = file.name;
    this.element = template.content.firstElementChild.cloneNode(true);
    this.find(".name").textContent = file.name;
    this.find("progress").setAttribute("aria-label", `Progress of ${file.name}`);
    this.tell("Waiting", 0);
    list.append(this.element);
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  tell(state, part = this.find("progress").value) {
    this.find(".state").textContent = `${state}…`;
    this.find("progress").value = part;
  }

  async show(files) {
    const image = new Image();
    image.alt = `Thumbnail of ${this.name}`;
    image.src = files[0].url; // signed: it needs no token
    this.find(".picture").append(image);
    await image.decode();
    for (const file of files) {
      const link = document.createElement("a");
      Object.assign(link, { href: file.url, target: "_blank", rel: "noopener" });
      link.textContent = `${file.variant} ${file.about.width} × ${file.about.height}`;
      const item = document.createElement("li");
      item.append(link);
      this.find(".sizes").append(item);
    }
    this.end("done", "Ready");
  }

  fail(message) {
    this.end("failed", message);
  }

  end(name, state) {
    this.element.classList.add(name);
    this.find(".state").textContent = state;
    status.textContent = `${this.name}: ${state}`;
  }
}
