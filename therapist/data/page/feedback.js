/* What a person tells about replies, if they switch it on: kept in this browser, downloaded by them, read by `python -m train`. */
(() => {
  const q = window.quiet, { words, el, button, fill, heading, more, recall, remember } = q;
  const KEY = "quiet.feedback", ASK = "quiet.feedback.ask", BLIND = "quiet.feedback.blind";
  const drop = (key) => { try { localStorage.removeItem(key); } catch { /* nothing kept */ } };
  const rows = () => { try { return JSON.parse(recall(KEY)) || []; } catch { return []; } };
  const asked = () => { const turns = q.turns(), at = turns.map((t) => t.role).lastIndexOf("user"); return { history: turns.slice(0, at), statement: turns[at]?.content || "" }; };
  const keep = (row) => { remember(KEY, JSON.stringify([...rows(), { ...asked(), ...row, at: new Date().toISOString().slice(0, 10), language: words.language }])); q.redraw(); };
  q.extras.add(() => (recall(BLIND) === "1" ? { blind: true } : {}));

  /* two replies side by side, in an order that the server drew; which one the program prefers is not to be seen */
  const blind = (evidence, act) => el("div", { class: "q-blind", role: "group", "aria-label": words.feedback.choose }, ...evidence.blind.map((index, side) => {
    const take = () => {
      const other = evidence.blind[1 - side];
      keep({ chosen: evidence.candidates[index].text, rejected: evidence.candidates[other].text, preferred_by_program: index === 0, model: evidence.model });
      act({ act: "say", index });
    };
    const name = side ? words.feedback.second : words.feedback.first;
    return el("div", { class: "q-option" }, el("b", {}, name), el("p", { dir: "auto" }, evidence.candidates[index].text), button(words.feedback.take, "small", take, { "aria-label": `${words.feedback.take}: ${name}` }));
  }));
  let thanked = null;
  const feedback = (evidence) => {
    if (recall(ASK) !== "1" || !["reply", "clarify", "referral"].includes(evidence.route) || evidence.blind) return null;
    if (thanked === evidence) return el("p", { class: "q-ask", role: "status" }, words.feedback.thanks);
    const tell = (helpful) => () => { thanked = evidence; keep({ reply: q.last("assistant"), helpful, model: evidence.model }); };
    return el("div", { class: "q-ask", role: "group", "aria-label": words.feedback.question }, el("span", {}, words.feedback.question),
      button(words.feedback.yes, "small", tell(true)), button(words.feedback.no, "small", tell(false)));
  };
  more.feedback = () => {
    const w = words.feedback, all = rows();
    const option = (key, label, id) => q.check(id, label, recall(key) === "1", (on) => { if (on) remember(key, "1"); else drop(key); q.tellServer(); q.redraw(); });
    return [heading(w.heading), el("p", {}, w.lead), option(ASK, w.helpful, "q-feedback-ask"), option(BLIND, w.blind, "q-feedback-blind"),
      el("p", {}, fill(w.count, all.length)), ...(all.length ? [el("p", { class: "soft" }, w.warning), el("div", { class: "q-acts" },
        button(w.download, "main", () => q.save("quiet-hour-feedback.jsonl", all.map((row) => JSON.stringify(row)).join("\n") + "\n", "application/jsonl"), { id: "q-feedback-download" }),
        button(w.delete, "", () => { drop(KEY); q.redraw(); }))] : [])];
  };
  Object.assign(q, { blind, feedback });
})();
