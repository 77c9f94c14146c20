/* Keeps one page on the device, the help lines, and every language's exercises, for when there is no connection. Nothing that anybody
   wrote comes near it. */
const KEPT = "quiet-help"; // the server adds a hash of the page, so that a changed number is fetched anew
const GUIDES = "quiet-codes".split(" ").map((code) => `guide/${code}.json`); // the server names the languages
const FILES = ["offline", "icon-192.png", "manifest.webmanifest", ...GUIDES];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(KEPT).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => {
  event.waitUntil(caches.keys().then((names) => Promise.all(names.filter((n) => n !== KEPT).map((n) => caches.delete(n)))).then(() => self.clients.claim()));
});
self.addEventListener("fetch", (event) => {
  const kept = event.request.mode === "navigate" ? "offline" : GUIDES.find((guide) => event.request.url.endsWith(`/${guide}`));
  if (kept) event.respondWith(fetch(event.request).catch(() => caches.match(kept)));
});
