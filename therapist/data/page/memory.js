/* What the person wants to be remembered, and the talks they keep: in this browser only, nothing unless they ask. */
(() => {
  const q = window.quiet, { words, el, button, fill, heading, more, recall, remember, show } = q;
  const CARD = "quiet.card", USED = "quiet.card.used", TALKS = "quiet.talks", ALWAYS = "quiet.talks.always";
  const drop = (key) => { try { localStorage.removeItem(key); } catch { /* nothing kept */ } };
  let current = "", status = "";
  const told = (text) => { status = text; q.redraw(); status = ""; };
  const check = (id, label, on, change) => { const box = el("input", { type: "checkbox", id, checked: on, onchange: () => change(box.checked) }); return el("label", { class: "q-check", for: id }, box, el("span", {}, label)); };
  const said = () => el("p", { class: "q-status", role: "status" }, status);

  /* the card goes with each message only while it is kept and switched on */
  q.extras.add(() => (recall(USED) === "1" ? { remember: recall(CARD) || "" } : {}));
  more.remember = () => {
    const w = words.remember, text = el("textarea", { id: "q-remember-text", class: "q-area", rows: 4, maxlength: 500, placeholder: w.placeholder, dir: "auto" });
    text.value = recall(CARD) || "";
    const use = check("q-remember-use", w.use, recall(CARD) === null || recall(USED) === "1", () => {});
    const save = () => {
      const on = use.querySelector("input").checked;
      const done = remember(CARD, text.value.trim()) && remember(USED, on ? "1" : "0");
      q.tellServer();
      told(done ? (on ? w.saved : w.saved_off) : words.talks.full);
    };
    return [heading(w.heading), el("p", {}, w.lead), el("label", { class: "q-field", for: "q-remember-text" }, w.label), text, use,
      el("div", { class: "q-acts" }, button(w.save, "main", save, { id: "q-remember-save" }),
        recall(CARD) === null ? null : button(w.delete, "", () => { drop(CARD); drop(USED); q.tellServer(); told(w.deleted); }, { id: "q-remember-delete" })), said()];
  };

  /* talks */
  const talks = () => { try { return JSON.parse(recall(TALKS)) || []; } catch { return []; } };
  const store = (all) => remember(TALKS, JSON.stringify(all));
  const keep = () => {
    const turns = q.turns(), all = talks(), now = new Date().toISOString();
    if (!turns.length) { told(words.talks.nothing); return; }
    const talk = all.find((t) => t.id === current) || { id: (current = now), at: now, name: turns[0].content.slice(0, 60) };
    told(store([{ ...talk, turns, at: now }, ...all.filter((t) => t.id !== talk.id)]) ? words.talks.kept : words.talks.full);
  };
  q.heard.add(() => { if (recall(ALWAYS) === "1") keep(); else if (talks().some((t) => t.id === current)) keep(); });
  const open = (talk) => { current = talk.id; q.act({ act: "open", turns: talk.turns }); show(null); };
  const change = (talk, more) => store(talks().map((t) => (t.id === talk.id ? { ...t, ...more } : t)));
  const when = (at) => new Intl.DateTimeFormat(q.locale(), { dateStyle: "medium", timeStyle: "short" }).format(new Date(at));
  const asText = (talk) => `# ${talk.name}\n\n${when(talk.at)}\n\n${talk.turns.map((t) => `**${t.role === "user" ? words.you : words.program}:** ${t.content}`).join("\n\n")}\n`;
  const save = (name, text, type) => {
    const link = el("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  const fileName = (talk, ending) => `${talk.at.slice(0, 10)}-${talk.name.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 40) || "talk"}.${ending}`;
  const entry = (talk, i) => {
    const w = words.talks, id = `q-talk-${i}`;
    const name = el("input", { class: "q-select", id, value: talk.name, maxlength: 80, dir: "auto", onchange: () => change(talk, { name: name.value.trim() || talk.name }) });
    return el("li", { class: "q-line" }, el("label", { class: "q-field", for: id }, w.name), name, el("small", {}, when(talk.at)), el("div", { class: "q-acts" },
      button(w.open, "main small", () => open(talk)), button(w.markdown, "small", () => save(fileName(talk, "md"), asText({ ...talk, name: name.value }), "text/markdown")),
      button(w.json, "small", () => save(fileName(talk, "json"), JSON.stringify({ name: name.value, at: talk.at, turns: talk.turns }, null, 1), "application/json")),
      button(w.delete, "small", () => { store(talks().filter((t) => t.id !== talk.id)); told(w.deleted); }, { "aria-label": `${w.delete}: ${talk.name}` })));
  };
  more.talks = () => {
    const w = words.talks, all = talks();
    return [heading(w.heading), el("p", {}, w.lead), el("div", { class: "q-stack" }, button(w.keep, "main wide", keep, { id: "q-talks-keep" }),
      check("q-talks-always", w.always, recall(ALWAYS) === "1", (on) => { if (on) remember(ALWAYS, "1"); else drop(ALWAYS); })), said(),
      all.length ? el("ul", { class: "q-list" }, ...all.map(entry)) : el("p", { class: "soft" }, w.none)];
  };
  const earlier = () => { const talk = talks()[0]; return talk ? button(`${words.first.again}: ${talk.name}`, "example", () => open(talk)) : null; };
  Object.assign(q, { earlier, save, check, begun: () => { current = ""; } });
})();
