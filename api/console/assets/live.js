// Events say what has changed, and the page, asked for once more, has the words for it.
// Rows are never added or moved while someone reads.
const WORKER = "./live-worker.js";
const PAUSE_MS = 2000;
const BUSY = "dialog[open], main form:hover, main [open] form"; // a button must stay what it is

async function connect() {
	if (window.SharedWorker) {
		const policy = window.trustedTypes?.createPolicy("pressroom", { createScriptURL: () => WORKER });
		return new SharedWorker(policy?.createScriptURL("") ?? WORKER).port;
	}
	const { port1, port2 } = new MessageChannel();
	await import("./live-worker.js");
	self.follow(port2);
	return port1;
}

const named = (node) => [node.nodeName, node.id, node.dataset?.job ?? node.getAttribute?.("class")].join();

// Make one node like another one, and touch nothing that is the same already.
function morph(old, fresh) {
	if (old.isEqualNode(fresh) || old.nodeName === "INPUT") return;
	if (!old.attributes) return void (old.data = fresh.data);
	for (const name of old.getAttributeNames()) if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
	for (const name of fresh.getAttributeNames()) if (name !== "open") old.setAttribute(name, fresh.getAttribute(name));
	const left = [...old.childNodes];
	for (const wanted of fresh.childNodes) {
		const at = left.findIndex((node) => named(node) === named(wanted));
		if (at < 0) old.insertBefore(document.importNode(wanted, true), left[0] ?? null);
		else {
			for (const node of left.splice(0, at)) node.remove();
			morph(left.shift(), wanted);
		}
	}
	for (const node of left) node.remove();
}

export function ask(method, url, type, body, onprogress) {
	return new Promise((resolve) => {
		const request = new XMLHttpRequest();
		request.open(method, url);
		request.responseType = type;
		request.setRequestHeader("Accept", "application/json");
		request.upload.onprogress = onprogress;
		request.onloadend = () => resolve(request);
		request.send(body);
	});
}

const all = (selector, root = document) => root.querySelectorAll(selector);
const found = (name, value, root) => all(`[data-${name}="${CSS.escape(value)}"]`, root)[0];

export async function live(words, refreshed) {
	const banner = document.getElementById("live");
	const [link] = all("[data-new] a");
	const parts = () => all("[data-job], [data-part]");
	if (!banner.dataset.live || !(link || parts().length)) return;
	const query = new URLSearchParams(location.search);
	const fresh = new Set();
	let [announcing, timer, last] = [0, 0, 0];

	function soon(ms) {
		timer ||= setTimeout(refresh, Math.max(ms, last + PAUSE_MS - Date.now()));
	}

	async function refresh() {
		if (document.hidden) return; // until it is seen again
		timer = 0;
		last = Date.now();
		if (!getSelection().isCollapsed || all(BUSY).length) return soon(PAUSE_MS);
		const { status, response: page } = await ask("GET", "", "document");
		if (status !== 200) return;
		for (const part of parts()) {
			const name = part.dataset.job ? "job" : "part";
			const wanted = found(name, part.dataset[name], page);
			if (wanted) morph(part, wanted);
		}
		refreshed();
		if (!link) return;
		for (const { dataset } of all("tr[data-job]", page)) if (!found("job", dataset.job)) fresh.add(dataset.job);
		if (fresh.size) announcing ||= setTimeout(announce);
	}

	function announce() {
		const text = words.new.replace("{count}", fresh.size);
		announcing = link.textContent !== text && setTimeout(announce, 10_000);
		link.textContent = text;
		link.parentElement.hidden = false;
	}

	function show({ id, state, progress }) {
		const row = found("job", id);
		if (!row) return void (link && soon(0));
		row.classList.toggle("gone", !state || state !== (query.get("state") || state));
		const [bar] = all("[data-progress]", row);
		if (bar && progress) Object.assign(bar, { max: progress.total || 1, value: progress.done ?? 0 });
		if (row.dataset.state === state) return soon(PAUSE_MS);
		soon(300);
		const [badge] = all(".badge", row);
		if (!badge || !state) return;
		row.dataset.state = state;
		badge.className = `badge ${state}`;
		badge.querySelector("use").setAttribute("href", `#${state}`);
		badge.lastChild.textContent = words[state];
	}

	const port = await connect();
	port.onmessage = ({ data: { name, data, since } }) => {
		if (name === "unavailable") since = Date.now();
		banner.hidden = !since;
		if (since) banner.textContent = words.away.replace("{time}", new Date(since).toLocaleTimeString());
		data?.jobs?.forEach(show);
		if (name === "ready") soon(0);
		else if (data && all("[data-part]").length) soon(2 * PAUSE_MS);
	};
	const owner = query.get("owner") || all("[data-owner]")[0]?.dataset.owner;
	const url = banner.dataset.live + (owner ? `?owner=${encodeURIComponent(owner)}` : "");
	const tell = (state) => port.postMessage({ url, state });
	const look = () => {
		tell(document.hidden ? "hidden" : "seen");
		if (timer) refresh();
	};
	document.addEventListener("visibilitychange", look);
	document.addEventListener("submit", ({ target }) => target.matches('[action="/console/logout"]') && tell("out"));
	addEventListener("pagehide", () => tell("gone"));
	look();
}
