/* The ground of the page: language, country, help lines, notice, sheets. It works without the server and without a model;
   exercises.js, read before it, has the exercises. The files of page/ build on `window.quiet`, which is filled at the end. Everything is built with textContent, so
   nothing that somebody or some model wrote becomes markup. */
(() => {
  if (window.quiet) return;
  const { languages, helplines, language: preferred, country: configured, version } = window.quietData;
  const NOTICE = "quiet.notice", COUNTRY = "quiet.country", LANGUAGE = "quiet.language";
  const YOUTH = helplines.kinds.minor;

  const el = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.filter((c) => c || c === 0));
    return node;
  };
  const button = (text, kind, onclick, more = {}) => el("button", { type: "button", class: `q-button ${kind}`, onclick, ...more }, text);
  const fill = (text, ...values) => values.reduce((t, v) => t.replace("{}", () => v), text);

  /* kept in this browser only; a browser that keeps nothing still works */
  const remember = (key, value) => { try { localStorage.setItem(key, value); return true; } catch { return false; /* private mode, or full */ } };
  const recall = (key) => { try { return localStorage.getItem(key); } catch { return null; } };

  /* the language: chosen, else the browser's, else the settings'; `words` stays one object, so that all who hold it change with it */
  const words = (window.quietData.words = {});
  const spoken = (code) => (languages[code] ? code : languages[(code || "").split("-")[0]] ? code.split("-")[0] : "");
  const speak = (code) => {
    for (const key of Object.keys(words)) delete words[key];
    Object.assign(words, languages[code]);
    document.documentElement.lang = words.language;
    document.documentElement.dir = words.direction;
    document.title = words.title;
  };
  speak([recall(LANGUAGE), ...(navigator.languages || []), preferred].map(spoken).find(Boolean) || Object.keys(languages)[0]);
  const chooseLanguage = (code) => { speak(code); remember(LANGUAGE, code); tellServer(); redraw(); };
  const redraw = () => listeners.forEach((draw) => draw());
  const nameOf = (type, code, otherwise) => { try { return new Intl.DisplayNames([words.language], { type }).of(code) || otherwise; } catch { return otherwise; } };
  const locale = () => (navigator.languages || []).find((l) => l.split("-")[0] === words.language) || words.language;
  const countryName = (code) => nameOf("region", code, helplines.countries[code]?.name || code);

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
  const extras = new Set();  // functions that add to what goes with each message
  const tellServer = () => { if (placeProps) placeProps.value = Object.assign({ country, language: words.language }, ...[...extras].map((more) => more())); };
  const choose = (code) => { country = known(code); remember(COUNTRY, country); tellServer(); redraw(); };
  const listeners = new Set();

  /* helplines */
  const dials = (a) => !a.href.startsWith("http");
  const acts = (line, main = "", few = false) => el("div", { class: "q-acts" }, ...(few && line.acts.some(dials) ? line.acts.filter(dials) : line.acts).map((a) =>
    el("a", { class: `q-button ${dials(a) ? main : ""}`, href: a.href, ...(dials(a) ? {} : { target: "_blank", rel: "noopener noreferrer" }) },
      fill(words.helplines[a.kind], a.label))));
  const line = (l, main) => el("div", { class: "q-line" }, el("b", {}, l.name),
    el("small", {}, about(l)), acts(l, main));
  const about = (l) => [l.hours === "24/7" ? words.helplines.around : l.hours ? fill(words.helplines.hours, l.hours) : words.helplines.ask_hours, ...l.also].join(" · ");
  const pick = (categories) => (helplines.countries[country]?.lines || []).filter((l) => categories.includes(l.category));
  const general = () => { const found = pick(helplines.general); return found.length ? found : (helplines.countries[country]?.lines || []).slice(0, 2); };
  const directory = () => el("a", { class: "q-button wide", href: helplines.directory, target: "_blank", rel: "noopener noreferrer" },
    `${words.helplines.directory}: ${words.helplines.directory_name}`);
  const emergency = () => {
    const numbers = helplines.countries[country]?.emergency || [];
    return numbers.length && el("div", { class: "q-danger" }, el("p", {}, words.helplines.danger),
      el("div", { class: "q-acts" }, ...numbers.map((n) => el("a", { class: "q-button help", href: n.href }, fill(words.helplines.call, n.label)))));
  };
  const field = (label, id, onchange, options, chosen) => {
    const select = el("select", { class: "q-select", id, onchange: () => onchange(select.value) },
      ...options.map(([value, text]) => el("option", { value, selected: value === chosen }, text)));
    return el("div", {}, el("label", { class: "q-field", for: id }, label), select);
  };
  const countries = (id) => field(words.helplines.country, id, choose, [["", words.helplines.choose],
    ...Object.keys(helplines.countries).map((code) => [code, countryName(code)]).sort((a, b) => a[1].localeCompare(b[1], words.language))], country);
  const tongues = (id) => Object.keys(languages).length > 1 && field(words.place.language, id, chooseLanguage,
    Object.values(languages).map((l) => [l.language, l.language_name]), words.language);
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
    if (window.quietData.offline) { show("offline"); return; }
    const ask = recall(NOTICE) !== version && !accepted;
    show(ask ? "notice" : null);
    if (!ask) (opener?.isConnected ? opener : document.getElementById(opener?.id || "after"))?.focus?.(); // a redrawn button keeps its id
  };
  let accepted = false;
  const heading = (text, closable = true) => el("div", { class: "q-top" }, el("h2", { tabindex: "-1" }, text),
    closable ? button(words.close, "", close) : null);
  const sheet = (name, label, draw) => {
    const body = el("div", { class: "q-page" });
    sheets[name] = el("section", { class: "q-sheet", id: `q-${name}`, role: "dialog", "aria-label": label, hidden: true }, body);
    const writing = () => body.contains(document.activeElement) && document.activeElement.tagName === "TEXTAREA";
    const again = () => { if (writing()) return; const at = document.activeElement?.id; body.replaceChildren(...draw().filter(Boolean)); if (at) document.getElementById(at)?.focus(); };
    again();
    return again;
  };
  const notice = () => [heading(words.notice.heading, false),
    el("ul", { class: "q-points" }, ...words.notice.points.map(([title, text]) => el("li", {}, el("b", {}, title), el("span", {}, text)))),
    el("div", { class: "q-stack" },
      button(words.notice.accept, "main wide", () => { accepted = true; remember(NOTICE, version); show(null); document.querySelector("#message textarea")?.focus(); }),
      button(words.notice.younger, "wide", () => show("youth"))),
    el("div", { class: "q-pair" }, tongues("q-notice-language"), countries("q-notice-country"))];
  const youth = () => {
    const own = pick(YOUTH);
    return [heading(words.youth.heading, false), ...words.youth.lines.map((t) => el("p", {}, t)), countries("q-youth-country"), emergency(),
      el("h3", {}, words.youth.lines_heading), own.length ? null : el("p", {}, words.youth.none), ...(own.length ? own : general()).map((l) => line(l, "main")),
      el("div", { class: "q-stack" }, directory(), button(words.back, "wide", () => show("notice")))];
  };
  const help = () => [heading(words.helplines.heading), el("p", {}, words.helplines.lead), countries("q-country"), ...lines()];

  const exercises = window.quietExercises({ el, button, fill, heading, show, redraw, crisisCard: (kind) => window.quiet.crisisCard(kind), country: () => country });

  const place = (props) => { placeProps = props; setTimeout(tellServer, 0); }; // the component is not ready earlier

  const bar = () => [el("div", { class: "q-brand" }, el("h1", {}, words.name), el("small", {}, words.tagline)),
    button(words.breathe, "breathe", () => exercises.open()),
    button("", "icon", () => show("menu"), { id: "q-menu-button", "aria-label": words.menu.open }),
    button(words.help, "help", () => show("help"), { id: "q-help-button" })];
  const begin = () => {
    const head = el("header", { class: "q-bar" });
    listeners.add(() => head.replaceChildren(...bar()));
    for (const draw of [sheet("notice", words.notice.heading, notice), sheet("youth", words.youth.heading, youth), sheet("help", words.helplines.heading, help)]) listeners.add(draw);
    const guide = sheet("exercises", "", exercises.draw);
    listeners.add(() => { if (exercises.speak()) guide(); });
    for (const [name, draw] of Object.entries(more)) listeners.add(sheet(name, "", draw));
    listeners.add(() => Object.values(sheets).forEach((s) => s.setAttribute("aria-label", s.querySelector("h2").textContent)));
    redraw();
    document.body.prepend(head, ...Object.values(sheets));
    document.addEventListener("keydown", (e) => { if (e.key === "Escape" && sheets.notice.hidden && document.querySelector(".q-sheet:not([hidden])")) close(); });
    if (window.quietData.offline) show("offline"); else if (recall(NOTICE) !== version) show("notice");
  };
  const more = {};  // sheets of the files that follow: a name, and a function that draws the nodes
  window.quiet = {
    words, helplines, locale, el, button, fill, field, remember, recall, show, close, heading, sheets, more, listeners, extras, redraw, tellServer, place,
    acts, about, pick, general, line, lines, directory, countries, tongues, countryName, country: () => country,
    exercise: (id) => (id ? exercises.open(id) : exercises.list()), offer: exercises.offer, forgetExercises: exercises.forget,
  };
  queueMicrotask(() => { if (document.body) begin(); else document.addEventListener("DOMContentLoaded", begin); });
})();
