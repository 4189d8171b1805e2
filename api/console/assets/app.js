// What scripts add to pages; every page works without any.
import { keys } from "./keys.js";
import { live } from "./live.js";

const about = document.getElementById("live");
const words = JSON.parse(about.dataset.words);
const skew = Date.parse(about.dataset.now) - Date.now(); // the clock of the service counts

function tick() {
	if (document.hidden) return;
	for (const time of document.querySelectorAll("time")) {
		const moment = new Date(time.dateTime);
		if (!time.title.includes("·")) time.title += ` · ${moment.toLocaleString()}`;
		const past = Math.round((Date.now() + skew - moment) / 1000);
		const span = Math.abs(past);
		if (span < 3600) {
			const shown = span < 60 ? `${span} s` : `${Math.floor(span / 60)} min`;
			const text = span ? (past > 0 ? words.ago : words.ahead).replace("{span}", shown) : words.just_now;
			if (text !== time.textContent) time.textContent = text;
			time.dataset.near = 1;
		} else if (time.dataset.near) time.textContent = `${time.dateTime.slice(11, 16)} UTC`;
	}
}

document.addEventListener("click", async ({ target }) => {
	if (!target.matches(".copy")) return;
	const from = target.previousElementSibling;
	try {
		await navigator.clipboard.writeText(from.value ?? from.textContent);
		target.textContent = words.copied;
	} catch { // no clipboard on plain HTTP
		from.select ? from.select() : getSelection().selectAllChildren(from);
		target.textContent = words.selected;
	}
	setTimeout(() => (target.textContent = words.copy), 3000);
});

document.documentElement.classList.add("scripts"); // shows what needs them
tick();
setInterval(tick, 1000);
keys();
live(words, tick);
if (document.querySelector("[data-drop]")) import("./upload.js").then(({ uploads }) => uploads(words));
