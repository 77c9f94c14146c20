/* The check-in, 0 to 10, and its small picture; kept in this browser only, and only what the person asks to keep. */
(() => {
  const q = window.quiet, { words, el, button, fill, heading, more, recall, remember } = q;
  const KEY = "quiet.mood", SHOWN = 30;
  let value = 5, status = "";
  const kept = () => { try { return JSON.parse(recall(KEY)) || []; } catch { return []; } };
  const today = () => kept().filter((m) => new Date(m.at).toDateString() === new Date().toDateString());

  const picture = (moods) => {
    const svg = (tag, attributes, ...children) => { const n = document.createElementNS("http://www.w3.org/2000/svg", tag); for (const [k, v] of Object.entries(attributes)) n.setAttribute(k, v); n.append(...children); return n; };
    const x = (i) => 8 + (i * 304) / Math.max(1, moods.length - 1), y = (m) => 92 - m.mood * 8.4;
    const label = fill(words.mood.picture, moods.length, moods[0].mood, moods[moods.length - 1].mood);
    return svg("svg", { class: "q-trend", viewBox: "0 0 320 100", role: "img", "aria-label": label },
      ...[0, 5, 10].map((m) => svg("line", { x1: 0, x2: 320, y1: 92 - m * 8.4, y2: 92 - m * 8.4 })),
      svg("polyline", { points: moods.map((m, i) => `${x(i)},${y(m)}`).join(" ") }), ...moods.map((m, i) => svg("circle", { cx: x(i), cy: y(m), r: 4 })));
  };
  const keep = () => {
    const before = kept(), past = before[before.length - 1], w = words.mood;
    const done = remember(KEY, JSON.stringify([...before, { at: new Date().toISOString(), mood: value }].slice(-365)));
    const kind = !past ? w.first : value > past.mood ? w.up : value < past.mood ? w.down : w.same;
    status = done ? `${kind} ${w.kept}` : words.talks.full;
    q.redraw();
    status = "";
  };
  more.mood = () => {
    const w = words.mood, moods = kept().slice(-SHOWN), out = el("output", { for: "q-mood-now" }, String(value));
    const slider = el("input", { type: "range", id: "q-mood-now", min: 0, max: 10, step: 1, value, oninput: () => { value = Number(slider.value); out.textContent = slider.value; } });
    return [heading(w.heading), el("p", {}, w.lead), el("label", { class: "q-field", for: "q-mood-now" }, w.label), el("div", { class: "q-slide" }, slider, out),
      el("div", { class: "q-ends" }, el("span", {}, w.low), el("span", {}, w.high)), button(w.keep, "main wide", keep, { id: "q-mood-keep" }), el("p", { class: "q-status", role: "status" }, status),
      moods.length ? el("h3", {}, w.trend) : el("p", { class: "soft" }, w.none), moods.length ? picture(moods) : null,
      moods.length ? button(w.delete, "small", () => { try { localStorage.removeItem(KEY); } catch { /* nothing kept */ } q.redraw(); }, { id: "q-mood-delete" }) : null];
  };
  Object.assign(q, { moodsToday: today });
})();
