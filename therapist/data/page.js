/* The parts of the page that must work without the server and without a model: help, notice, and the view of a
   reply's evidence; exercises.js, read before it, has the exercises. Everything is built with textContent, so nothing that somebody or some model wrote becomes markup. */
(() => {
  if (window.quiet) return;
  const { words, helplines, country: configured, version } = window.quietData;
  const NOTICE = "quiet.notice", COUNTRY = "quiet.country";
  const YOUTH = helplines.kinds.minor;

  const el = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.filter((c) => c !== null && c !== undefined && c !== ""));
    return node;
  };
  const button = (text, kind, onclick, more = {}) => el("button", { type: "button", class: `q-button ${kind}`, onclick, ...more }, text);
  const fill = (text, ...values) => values.reduce((t, v) => t.replace("{}", v), text);

  /* kept in this browser only; a browser that keeps nothing still works */
  const remember = (key, value) => { try { localStorage.setItem(key, value); } catch { /* private mode */ } };
  const recall = (key) => { try { return localStorage.getItem(key); } catch { return null; } };

  /* the country: chosen, else the time zone's, else the language's, else the settings'; never the address */
  const guess = () => {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
    const zones = (code) => { const l = new Intl.Locale("und", { region: code }); return l.getTimeZones?.() || l.timeZones || []; };
    try {
      if (zone.includes("/") && !zone.startsWith("Etc/")) {
        const found = Object.keys(helplines.countries).find((code) => zones(code).includes(zone));
        if (found) return found;
      }
    } catch { /* an older browser: the language has to do */ }
    const region = (navigator.language.match(/-([A-Z]{2})\b/) || [])[1];
    return helplines.countries[region] ? region : configured;
  };
  const known = (code) => (helplines.countries[code] ? code : "");
  let country = known(recall(COUNTRY)) || known(guess());
  let placeProps = null;
  const tellServer = () => { if (placeProps) placeProps.value = { country, language: navigator.language }; };
  const choose = (code) => { country = known(code); remember(COUNTRY, country); tellServer(); listeners.forEach((draw) => draw()); };
  const listeners = new Set();

  /* helplines */
  const dials = (a) => !a.href.startsWith("http");
  const acts = (line, main = "", few = false) => el("div", { class: "q-acts" }, ...(few && line.acts.some(dials) ? line.acts.filter(dials) : line.acts).map((a) =>
    el("a", { class: `q-button ${dials(a) ? main : ""}`, href: a.href, ...(dials(a) ? {} : { target: "_blank", rel: "noopener noreferrer" }) },
      fill(words.helplines[a.kind], a.label))));
  const line = (l, main) => el("div", { class: "q-line" }, el("b", {}, l.name),
    el("small", {}, l.about), acts(l, main));
  const pick = (categories) => (helplines.countries[country]?.lines || []).filter((l) => categories.includes(l.category));
  const general = () => { const found = pick(helplines.general); return found.length ? found : (helplines.countries[country]?.lines || []).slice(0, 2); };
  const directory = () => el("a", { class: "q-button wide", href: helplines.directory, target: "_blank", rel: "noopener noreferrer" },
    `${words.helplines.directory}: ${words.helplines.directory_name}`);
  const emergency = () => {
    const numbers = helplines.countries[country]?.emergency || [];
    return numbers.length && el("div", { class: "q-danger" }, el("p", {}, words.helplines.danger),
      el("div", { class: "q-acts" }, ...numbers.map((n) => el("a", { class: "q-button help", href: n.href }, fill(words.helplines.call, n.label)))));
  };
  const menu = () => {
    const select = el("select", { class: "q-select", id: "q-country", onchange: () => choose(select.value) },
      el("option", { value: "" }, words.helplines.choose),
      ...Object.entries(helplines.countries).sort((a, b) => a[1].name.localeCompare(b[1].name))
        .map(([code, c]) => el("option", { value: code, selected: code === country }, c.name)));
    return el("div", {}, el("label", { class: "q-field", for: "q-country" }, words.helplines.country), select);
  };
  const lines = () => {
    const first = general(), others = (helplines.countries[country]?.lines || []).filter((l) => !first.includes(l));
    return [
      emergency() || el("p", {}, words.helplines.none), ...first.map((l) => line(l, "main")),
      helplines.countries[country] && !helplines.countries[country].sure ? el("p", { class: "soft" }, words.helplines.unsure) : null,
      others.length ? el("details", { class: "q-more" }, el("summary", {}, `${words.helplines.more} (${others.length})`), ...others.map((l) => line(l, ""))) : null,
      directory(), el("p", { class: "soft" }, fill(words.helplines.note, helplines.checked)),
    ].filter(Boolean);
  };

  /* sheets */
  const sheets = {};
  let opener = null;
  const app = () => document.querySelector("gradio-app");
  const show = (name) => {
    if (!document.querySelector(".q-sheet:not([hidden])")) opener = document.activeElement;
    for (const [key, sheet] of Object.entries(sheets)) sheet.hidden = key !== name;
    if (app()) app().inert = Boolean(name);
    if (name) { sheets[name].scrollTop = 0; sheets[name].querySelector("h2").focus({ preventScroll: true }); }
  };
  const close = () => {
    exercises.stop();
    const ask = recall(NOTICE) !== version && !accepted;
    show(ask ? "notice" : null);
    if (!ask) opener?.focus?.();
  };
  let accepted = false;
  const heading = (text, closable = true) => el("div", { class: "q-top" }, el("h2", { tabindex: "-1" }, text),
    closable ? button(words.close, "", close) : null);
  const sheet = (name, label, draw) => {
    const body = el("div", { class: "q-page" });
    sheets[name] = el("section", { class: "q-sheet", id: `q-${name}`, role: "dialog", "aria-label": label, hidden: true }, body);
    const redraw = () => { const at = document.activeElement?.id; body.replaceChildren(...draw().filter(Boolean)); if (at) document.getElementById(at)?.focus(); };
    redraw();
    return redraw;
  };
  const notice = () => [heading(words.notice.heading, false),
    el("ul", { class: "q-points" }, ...words.notice.points.map(([title, text]) => el("li", {}, el("b", {}, title), el("span", {}, text)))),
    el("div", { class: "q-stack" },
      button(words.notice.accept, "main wide", () => { accepted = true; remember(NOTICE, version); show(null); document.querySelector("textarea")?.focus(); }),
      button(words.notice.younger, "wide", () => show("youth")))];
  const youth = () => {
    const own = pick(YOUTH);
    return [heading(words.youth.heading, false), ...words.youth.lines.map((t) => el("p", {}, t)), menu0("q-youth-country"), emergency(),
      el("h3", {}, words.youth.lines_heading), own.length ? null : el("p", {}, words.youth.none), ...(own.length ? own : general()).map((l) => line(l, "main")),
      el("div", { class: "q-stack" }, directory(), button(words.back, "wide", () => show("notice")))];
  };
  const menu0 = (id) => { const m = menu(); m.querySelector("select").id = id; m.querySelector("label").setAttribute("for", id); return m; };
  const help = () => [heading(words.helplines.heading), el("p", {}, words.helplines.lead), menu(), ...lines()];

  const exercises = window.quietExercises({ el, button, fill, heading, show, crisisCard: (kind) => card({ route: "crisis", kind }), country: () => country });

  /* what stands under the conversation: lines in a crisis, an exercise, and the choice behind the reply */
  const why = (evidence, sayInstead) => {
    const w = words.why, chosen = evidence.chosen;
    const lead = evidence.candidates.length ? (chosen === null ? w.referral : w.lead) : (evidence.route === "referral" ? w.none : w.written);
    const card = (c, i) => {
      const state = i === chosen ? "said" : c.qualifies ? "could" : "refused";
      const bar = el("div", { class: "q-meter", role: "img", "aria-label": fill(w.score, c.percent) }, el("i", { style: `width:${Number(c.percent)}%` }));
      return el("li", { class: state }, el("div", { class: "q-head" }, el("span", { class: "q-state" }, w[state]), c.percent === null ? null : bar,
        c.percent === null ? null : el("span", { class: "q-percent" }, `${c.percent}%`)),
        el("p", { class: "q-text" }, c.text), ...c.reasons.map((r) => el("p", { class: "q-reason" }, r)),
        c.nearest || c.parts.length ? el("details", { class: "q-detail" }, el("summary", {}, w.parts),
          c.parts.length ? el("dl", {}, ...c.parts.flatMap((p) => [el("dt", {}, p.name), el("dd", {}, p.value)])) : null,
          c.nearest ? el("p", { class: "soft" }, `${w.nearest}: “${c.nearest}”`) : null) : null,
        state === "could" ? button(w.say, "", () => sayInstead(i)) : null);
    };
    return el("details", { class: "q-why" }, el("summary", {}, w.summary), el("div", { class: "q-whybody" }, el("p", {}, lead), el("ol", {}, ...evidence.candidates.map(card))));
  };
  const card = (evidence) => {
    const preferred = pick(helplines.kinds[evidence.kind] || []);
    const found = [...preferred, ...general().filter((l) => !preferred.includes(l))].filter((l) => l.acts.length).slice(0, 2);
    const urgent = evidence.route === "crisis";
    const title = urgent ? words.crisis.heading : words.crisis.referral;
    return el("section", { class: urgent ? "q-card" : "q-card calm", "aria-label": title },
      el("div", { class: "q-cardhead" }, el("b", {}, title), button(words.helplines.all, "small", () => show("help"))),
      ...(urgent ? found.map((l) => el("div", { class: "q-mini" }, el("span", {}, el("b", {}, l.name), el("small", {}, l.about)), acts(l, "help", true))) : []),
      urgent && !found.length ? directory() : null);
  };
  const fromItsStart = () => { // an answer longer than the screen is read from its first line
    const log = document.querySelector("#talk .bubble-wrap"), last = [...document.querySelectorAll("#talk .bot-row")].pop();
    if (log && last && last.offsetHeight > log.clientHeight) log.scrollTop += last.getBoundingClientRect().top - log.getBoundingClientRect().top;
  };
  const evidence = (element, props, trigger, watch) => {
    const box = element.querySelector(".q-after") || element;
    let shown = null;
    const draw = () => {
      const e = props.value, field = document.querySelector("#message textarea");
      if (field) field.placeholder = words.placeholder; // ChatInterface empties it after the first message
      if (!e || !e.route) { box.replaceChildren(); return; }
      const nodes = [];
      if (e.lines) nodes.push(card(e));
      nodes.push(...[exercises.offer(e)].filter(Boolean));
      if (e.limited) nodes.push(el("p", { class: "q-limited" }, words.limited));
      nodes.push(why(e, (index) => trigger("click", { index })));
      box.replaceChildren(...nodes);
      if (e === shown) return;
      shown = e;
      if (e.exercise) exercises.open(e.exercise);
      for (const pause of [50, 300, 700]) setTimeout(fromItsStart, pause); // Gradio scrolls down meanwhile
    };
    element.closest("#after")?.setAttribute("tabindex", "-1");
    watch("value", draw);
    listeners.add(draw);
    draw();
  };
  const place = (props) => { placeProps = props; setTimeout(tellServer, 0); }; // the component is not ready earlier
  window.quiet = { evidence, place };

  const begin = () => {
    document.documentElement.lang = words.language;
    const bar = el("header", { class: "q-bar" }, el("div", { class: "q-brand" }, el("b", {}, words.name), el("small", {}, words.tagline)),
      button(words.breathe, "", () => exercises.open()), button(words.help, "help", () => show("help"), { id: "q-help-button" }));
    for (const draw of [sheet("notice", words.notice.heading, notice), sheet("youth", words.youth.heading, youth), sheet("help", words.helplines.heading, help)]) listeners.add(draw);
    sheet("exercises", exercises.heading, exercises.draw);
    document.body.prepend(bar, ...Object.values(sheets));
    document.addEventListener("keydown", (e) => { if (e.key === "Escape" && !sheets.notice.hidden === false && document.querySelector(".q-sheet:not([hidden])")) close(); });
    if (recall(NOTICE) !== version) show("notice");
  };
  if (document.body) begin(); else document.addEventListener("DOMContentLoaded", begin);
})();
