// Keys: / filter, j k rows, g and a letter for a page, ? help.
const OFF = "pressroom-keys-off";
const find = (selector) => document.querySelector(selector);
const rowOf = (element) => element?.closest("[data-job], tr");

function step(by) {
	const links = [...document.querySelectorAll("main :is([data-job], tbody tr) a[href]")];
	const firsts = links.filter((link, n) => link.checkVisibility() && rowOf(link) !== rowOf(links[n - 1]));
	const at = firsts.findIndex((link) => rowOf(link) === rowOf(document.activeElement));
	firsts[at < 0 ? 0 : at + by]?.focus();
}

export function keys() {
	const help = find("#keys");
	if (!help) return;
	const choice = help.querySelector("input");
	choice.checked = !localStorage[OFF];
	choice.onchange = () => (choice.checked ? delete localStorage[OFF] : (localStorage[OFF] = 1));
	const acts = {
		"/": () => find("main form:is([role=search], .filters) input:not([type=hidden])")?.focus(),
		"?": () => help.showModal(),
		j: () => step(1),
		k: () => step(-1),
	};
	find("[data-help]").onclick = acts["?"];
	let before;
	document.addEventListener("keydown", (event) => {
		const { key, target } = event;
		if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input:not([type=checkbox]), select, textarea")) return;
		if (!choice.checked || help.open) return;
		const page = before === "g" && find(`nav [data-go="${CSS.escape(key)}"]`);
		before = key;
		const act = page ? () => page.click() : acts[key];
		if (!act) return;
		event.preventDefault();
		act();
	});
}
