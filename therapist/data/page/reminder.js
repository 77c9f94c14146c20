/* What this is, said again: after twenty messages, after three hours, and to somebody who goes on with a kept talk. The
   first screen and the notice say it before the first message, and so does the protocol in a crisis. */
(() => {
  const q = window.quiet, { words, el, listeners } = q;
  const TURNS = 20, HOURS = 3;
  const line = el("p", { class: "q-limited", role: "status", id: "q-reminder", hidden: true });
  let at = Date.now(), since = 0;
  const told = () => q.turns().filter((t) => t.role === "user").length;
  const draw = () => line.replaceChildren(...words.notice.points.slice(0, 2).flatMap(([title, text]) => [el("b", {}, title), ` ${text} `]));
  const say = () => { document.querySelector("#after")?.prepend(line); draw(); line.hidden = false; at = Date.now(); };
  q.heard.add((e) => {
    if (e.route === "rest") return; // a kept talk that was opened: no new answer
    line.hidden = true;
    if (told() < since) since = 0; // a new talk has begun
    if (e.route === "crisis" || (told() - since < TURNS && Date.now() - at < HOURS * 3600e3)) return;
    since = told();
    say();
  });
  const act = q.act;
  q.act = (data) => { act(data); if (data.act === "open") { since = data.turns.filter((t) => t.role === "user").length; say(); } else if (data.act === "again") line.hidden = true; };
  listeners.add(draw);
})();
