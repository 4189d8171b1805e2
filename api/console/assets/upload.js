// Forms with files: drop or choose many. Each is sent by itself; then come the results.
import { ask } from "./live.js";

const MOST = 8; // the form as such sends more of them, as one batch

async function send(form, field, file, line) {
	const body = new FormData(form);
	body.set(field.name, file);
	const bar = document.createElement("progress");
	bar.ariaLabel = file.name;
	line.append(`${file.name} `, bar);
	const onprogress = ({ loaded, total }) => (bar.value = loaded / total);
	const { status, response } = await ask("POST", form.action, "json", body, onprogress);
	if (status === 200) return ["job", response.id];
	bar.replaceWith(response?.detail ?? status);
}

async function sendAll(form, field, list, words) {
	const add = (tag) => list.appendChild(document.createElement(tag));
	list.replaceChildren();
	const files = [...field.files];
	const made = await Promise.all(files.map((file) => send(form, field, file, add("li"))));
	const jobs = made.filter(Boolean);
	const link = document.createElement("a");
	link.href = `${form.action}?${new URLSearchParams(jobs)}`;
	link.textContent = words.results;
	if (jobs.length) add("li").append(link);
	if (jobs.length === files.length) link.click();
}

export function uploads(words) {
	for (const form of document.querySelectorAll("[data-drop]")) {
		const field = form.querySelector("[type=file]");
		const list = form.querySelector("[data-uploads]");
		form.ondragover = () => (form.classList.add("over"), false);
		form.ondragleave = () => form.classList.remove("over");
		form.ondrop = ({ dataTransfer }) => {
			form.classList.remove("over");
			field.files = dataTransfer.files;
			form.requestSubmit();
			return false;
		};
		form.onsubmit = () => {
			if (!list || field.files.length > MOST) return true;
			sendAll(form, field, list, words);
			return false;
		};
	}
}
