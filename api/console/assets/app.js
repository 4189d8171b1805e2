// What pages do better with scripts than without. Each module works on its own, and every page works without any.
for (const time of document.querySelectorAll("time")) {
  time.title += ` · ${new Date(time.dateTime).toLocaleString()}`;
}
