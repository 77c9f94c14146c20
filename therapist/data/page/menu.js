/* The menu, language and country, installing, help without a connection, and forgetting everything. */
(() => {
  const q = window.quiet, { words, el, button, fill, heading, more, show, line, general, listeners } = q;
  let status = "", prompt = null;

  const row = (name, act) => el("button", { type: "button", class: "q-row", onclick: act },
    el("b", {}, words.menu[name]), el("small", {}, name === "place" ? fill(words.menu.place_about, words.language_name, q.country() ? q.countryName(q.country()) : words.helplines.choose) : words.menu[`${name}_about`]));
  const open = (name) => () => show(name);
  more.menu = () => [heading(words.menu.heading), el("div", { class: "q-rows" },
    row("mood", open("mood")), row("exercises", () => q.exercise()), row("card", () => q.openCard()), row("remember", open("remember")),
    row("talks", open("talks")), row("feedback", open("feedback")), row("place", open("place")),
    installed() ? null : row("install", open("install")), row("forget", forget)),
    el("p", { class: "q-status", role: "status" }, status), el("p", { class: "soft" }, words.menu.private)];

  /* one click, and nothing of this page is left in the browser; Gradio's own entry holds nothing but goes too */
  const forget = () => {
    try { localStorage.clear(); sessionStorage.clear(); } catch { /* nothing was kept then */ }
    q.begun();
    q.forgetExercises();
    q.act({ act: "again" });
    status = words.menu.forgotten;
    q.redraw();
    status = "";
    document.querySelector("#q-menu h2").focus();
  };

  more.place = () => [heading(words.place.heading), q.tongues("q-place-language"), q.countries("q-place-country"), el("p", { class: "soft" }, words.place.note)].filter(Boolean);

  const installed = () => matchMedia("(display-mode: standalone)").matches;
  addEventListener("beforeinstallprompt", (e) => { e.preventDefault(); prompt = e; q.redraw(); });
  more.install = () => [heading(words.install.heading), el("p", {}, words.install.lead),
    prompt ? button(words.install.now, "main wide", () => { prompt.prompt(); prompt = null; }) : null, el("p", { class: "soft" }, words.install.how)];
  if (window.quietData.offline) more.offline = () => [heading(words.helplines.heading, false), el("p", {}, words.offline.lead), button(words.offline.retry, "", () => location.reload()),
    q.countries("q-offline-country"), ...q.lines()];
  else navigator.serviceWorker?.register("worker.js").catch(() => { /* a private window: the page works, only not offline */ });
})();
