/* The card to take along: the person's own sentences, chosen by the server's encoder and never invented, edited here. */
(() => {
  const q = window.quiet, { words, el, button, fill, heading, more, show, pick, general } = q;
  const PARTS = ["about", "since", "helped", "mood", "ask", "who", "where", "trusted"];
  let values = {}, status = "", danger = false;

  const number = () => { const line = general()[0], emergency = q.helplines.countries[q.country()]?.emergency[0]; return [line && `${line.name}: ${line.acts.map((a) => (a.href.startsWith("http") ? a.href : a.label)).join(", ")}`, emergency && emergency.label].filter(Boolean).join("\n"); };
  const mood = () => { const moods = q.moodsToday(); return moods.length ? fill(words.handoff.mood_text, moods[0].mood, moods[moods.length - 1].mood) : ""; };
  const filled = (found) => ({
    about: (found.about || []).join("\n"), since: (found.since || []).join("\n"), helped: (found.helped || []).join("\n"), mood: mood(),
    ask: words.handoff.asks.join("\n"), who: [found.specialist, found.find, found.afford].filter(Boolean).map((t) => t[0].toUpperCase() + t.slice(1)).join("\n"),
    where: [number(), `${words.helplines.directory}: ${q.helplines.directory}`].filter(Boolean).join("\n"),
    trusted: danger ? fill(words.handoff.message_danger, general()[0]?.acts[0]?.label || q.helplines.countries[q.country()]?.emergency[0]?.label || words.helplines.directory_name) : words.handoff.message,
  });
  const tell = (text) => { status = text; const line = document.querySelector("#q-card .q-status"); if (line) line.textContent = text; };
  const openCard = async (urgent = false) => {
    danger = urgent;
    const turns = q.turns();
    values = filled({});
    status = turns.length ? words.handoff.making : words.handoff.empty;
    q.redraw();
    show("card");
    if (!turns.some((t) => t.role === "user")) return;
    try {
      const found = await q.ask("hand_off", { turns, language: words.language });
      if (found.error) throw new Error(found.error);
      values = filled(found);
      status = "";
    } catch { status = words.handoff.failed; }
    q.redraw();
  };
  const parts = () => PARTS.filter((name) => (values[name] || "").trim());
  const made = () => fill(words.handoff.made, new Intl.DateTimeFormat(q.locale(), { dateStyle: "long" }).format(new Date()));
  const asText = () => `# ${words.handoff.heading}\n\n${parts().filter((n) => n !== "trusted").map((n) => `## ${words.handoff[n]}\n\n${values[n].trim().split("\n").map((t) => `- ${t}`).join("\n")}`).join("\n\n")}\n\n${made()}\n`;
  const copy = async (text) => {
    try { await navigator.clipboard.writeText(text); } catch { // an embedded or older page may not reach the clipboard
      const area = el("textarea", {}, text); document.body.append(area); area.select(); document.execCommand("copy"); area.remove();
    }
    tell(words.handoff.copied);
  };
  const print = () => {
    const sheet = el("article", { class: "q-print", dir: words.direction }, el("h1", {}, words.handoff.heading),
      ...parts().filter((n) => n !== "trusted").flatMap((n) => [el("h2", {}, words.handoff[n]), ...values[n].trim().split("\n").map((t) => el("p", { dir: "auto" }, t))]), el("footer", {}, made()));
    document.body.append(sheet);
    addEventListener("afterprint", () => sheet.remove(), { once: true });
    window.print();
  };
  const box = (name) => {
    const area = el("textarea", { class: "q-area", id: `q-card-${name}`, dir: "auto", rows: Math.max(2, (values[name] || "").split("\n").length + 1), oninput: () => { values[name] = area.value; } });
    area.value = values[name] || "";
    return el("div", {}, el("label", { class: "q-field", for: `q-card-${name}` }, words.handoff[name]), area);
  };
  more.card = () => {
    const w = words.handoff;
    const acts = [button(w.copy, "main", () => copy(asText())), button(w.download, "", () => q.save(`${new Date().toISOString().slice(0, 10)}-card.md`, asText(), "text/markdown")), button(w.print, "", print)];
    const message = box("trusted");
    return [heading(w.heading), el("p", {}, w.lead), el("p", { class: "q-status", role: "status" }, status),
      ...(danger ? [message, el("div", { class: "q-acts" }, ...trusted())] : []), ...PARTS.filter((n) => n !== "trusted").map(box), el("div", { class: "q-acts" }, ...acts),
      ...(danger ? [] : [message, el("div", { class: "q-acts" }, ...trusted())])];
  };
  const trusted = () => [button(words.handoff.copy, "", () => copy(values.trusted), { "aria-label": `${words.handoff.copy}: ${words.handoff.trusted}` }),
    navigator.share ? button(words.handoff.share, "", () => navigator.share({ text: values.trusted }).catch(() => {})) : el("a", { class: "q-button", href: `sms:?&body=${encodeURIComponent(values.trusted || "")}` }, words.handoff.share)];
  Object.assign(q, { openCard });
})();
