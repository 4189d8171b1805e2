// Holds one stream for all tabs. A tab without SharedWorker runs this by itself.
const streams = {};

function tell(stream, message) {
	for (const port of stream.ports.keys()) port.postMessage(message);
}

function close(stream) {
	stream.source?.close();
	stream.source = null;
}

function open(stream) {
	const source = new EventSource(stream.url);
	for (const name of ["ready", "jobs", "deliveries", "queues", "alerts", "unavailable"]) {
		source.addEventListener(name, ({ data }) => tell(stream, { name, data: JSON.parse(data) }));
	}
	const away = (since) => tell(stream, (stream.away = { name: "away", since }));
	source.onopen = () => away(0);
	source.onerror = () => {
		if (!stream.away?.since) away(Date.now());
		if (source.readyState < source.CLOSED) return; // it comes back by itself
		close(stream);
		stream.timer = setTimeout(settle, 5000 + Math.random() * 10_000, stream);
	};
	return source;
}

// Open while a tab is seen; closed 30 s after the last was hidden, and once none is left.
function settle(stream) {
	clearTimeout(stream.timer);
	if ([...stream.ports.values()].includes("seen")) stream.source ??= open(stream);
	else stream.timer = setTimeout(close, stream.ports.size && 30_000, stream);
}

self.follow = (port) => {
	let stream;
	const hear = ({ url, state }) => {
		if (state === "out") return Object.values(streams).forEach(close); // signed out
		if (state === "seen" && !stream) {
			stream = streams[url] ??= { url, ports: new Map() };
			if (stream.away) port.postMessage(stream.away);
			if (stream.source) port.postMessage({ name: "ready" }); // it has missed what came before
		}
		if (!stream) return;
		state === "gone" ? stream.ports.delete(port) : stream.ports.set(port, state);
		settle(stream);
		if (state === "gone") stream = null;
	};
	port.onmessage = ({ data }) => hear(data);
	port.addEventListener("close", () => hear({ state: "gone" })); // the tab has crashed
};

if (self.SharedWorkerGlobalScope) self.onconnect = ({ ports: [port] }) => self.follow(port);
