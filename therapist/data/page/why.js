/* Why this reply: every candidate with its score in parts, the nearest reference, a reason for each rejection, and on request the
   person's words shaded by what each did for the reply. */
(() => {
  const q = window.quiet, { words, el, button, fill } = q;

  const shade = (found) => {
    const most = Math.max(...found.map(([, change]) => change), 0), w = words.why;
    const strong = found.filter(([, change]) => most > 0.005 && change > most / 3).sort((a, b) => b[1] - a[1]).slice(0, 4);
    const name = (piece) => piece.trim().replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, "");
    return [el("p", { class: "q-shaded", dir: "auto" }, ...found.flatMap(([piece, change]) => {
      const share = most > 0.005 ? Math.max(0, change / most) : 0, word = piece.trimEnd();
      return share > 0.15 ? [el("mark", { style: `--share:${Math.round(share * 100)}%` }, word), piece.slice(word.length)] : [piece];
    })), el("p", { class: "soft" }, strong.length ? fill(w.shaped_most, strong.map(([piece]) => name(piece)).join(", ")) : w.shaped_none)];
  };
  const shaped = (text) => {
    const w = words.why, out = el("div", { class: "q-shaped", "aria-live": "polite" });
    const ask = button(w.shaped, "small", async () => {
      ask.disabled = true;
      out.replaceChildren(el("p", { class: "soft" }, w.shaping));
      try {
        const found = await q.ask("explain", { statement: q.last("user"), reply: text });
        if (found.error || !found.words.length) throw new Error(found.error);
        out.replaceChildren(el("p", {}, el("b", {}, w.shaped_your)), el("p", { class: "soft" }, w.shaped_lead), ...shade(found.words));
        ask.remove();
      } catch { out.replaceChildren(el("p", { class: "soft" }, w.shaped_failed)); ask.disabled = false; }
    });
    return el("div", {}, ask, out);
  };
  const candidate = (evidence, sayInstead) => (c, i) => {
    const w = words.why, state = i === evidence.chosen ? "said" : c.qualifies ? "could" : "refused";
    const bar = el("div", { class: "q-meter", role: "img", "aria-label": fill(w.score, c.percent) }, el("i", { style: `width:${Number(c.percent)}%` }));
    return el("li", { class: state }, el("div", { class: "q-head" }, el("span", { class: "q-state" }, w[state]), bar, el("span", { class: "q-percent", "aria-hidden": "true" }, `${c.percent}%`)),
      el("p", { class: "q-text", dir: "auto" }, c.text), ...c.reasons.map((r) => el("p", { class: "q-reason" }, r)),
      c.nearest || c.parts.length ? el("details", { class: "q-detail" }, el("summary", {}, w.parts),
        c.parts.length ? el("dl", {}, ...c.parts.flatMap((p) => [el("dt", {}, p.name), el("dd", {}, p.value)])) : null,
        c.nearest ? el("p", { class: "soft" }, `${w.nearest}: “${c.nearest}”`) : null) : null,
      state === "could" ? button(w.say, "small", () => sayInstead(i)) : null);
  };
  const why = (evidence, sayInstead) => {
    const w = words.why, { chosen, candidates } = evidence;
    const lead = candidates.length ? (chosen === null ? w.referral : w.lead) : (evidence.route === "referral" ? w.none : w.written);
    return el("details", { class: "q-why" }, el("summary", {}, w.summary), el("div", { class: "q-whybody" }, el("p", {}, lead),
      chosen !== null && chosen !== undefined ? shaped(candidates[chosen].text) : null,
      el("ol", {}, ...candidates.map(candidate(evidence, sayInstead))),
      el("p", { class: "soft" }, evidence.model ? fill(w.made, evidence.seconds, evidence.model) : fill(w.made_written, evidence.seconds))));
  };
  Object.assign(q, { why });
})();
