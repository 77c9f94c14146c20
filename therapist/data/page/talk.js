/* The conversation: first screen, pending line, keys, and what stands under the talk. What was said is read from the page
   itself, so what is kept, shown or handed on is what the person sees. */
(() => {
  const q = window.quiet, { words, helplines, el, button, fill, recall, remember, show, acts, about, pick, general, directory, listeners } = q;
  const talk = () => document.querySelector("#talk"), field = () => document.querySelector("#message textarea");
  const bare = (text) => text.replaceAll("\u200b", "").trim();
  const turns = () => [...document.querySelectorAll("#talk [data-testid=user], #talk [data-testid=bot]")]
    .map((node) => ({ role: node.dataset.testid === "user" ? "user" : "assistant", content: bare(node.innerText) }))
    .filter((t) => t.content && ![words.waking, words.busy, words.failed, words.feedback.choose].includes(t.content));
  const last = (role) => turns().filter((t) => t.role === role).pop()?.content || "";
  const busy = () => Boolean(document.querySelector("#message .stop-button"));
  const write = (text) => {
    const area = field();
    Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(area, text);
    area.dispatchEvent(new Event("input", { bubbles: true }));
    return area;
  };
  const say = (text) => { write(text); setTimeout(() => document.querySelector("#message .submit-button")?.click(), 30); };

  /* lines in a crisis, and beside a referral */
  const card = (evidence) => {
    const preferred = pick(helplines.kinds[evidence.kind] || []);
    const found = [...preferred, ...general().filter((l) => !preferred.includes(l))].filter((l) => l.acts.length).slice(0, 2);
    const urgent = evidence.route === "crisis";
    const title = urgent ? words.crisis.heading : words.crisis.referral;
    return el("section", { class: urgent ? "q-card" : "q-card calm", "aria-label": title },
      el("div", { class: "q-cardhead" }, el("b", {}, title), button(words.helplines.all, "small", () => show("help"))),
      ...(urgent ? found.map((l) => el("div", { class: "q-mini" }, el("span", {}, el("b", {}, l.name), el("small", {}, about(l))), acts(l, "help", true))) : []),
      urgent && !found.length ? directory() : null);
  };

  /* quick replies: what fits after this kind of answer, and no more */
  const FITTING = { reply: ["more", "wrong", "exercise", "done"], rest: ["more", "exercise", "done"], clarify: ["exercise", "done"], referral: ["card", "more", "done"], closed: ["card"], crisis: ["trusted"] };
  const chips = (evidence, act) => {
    const names = evidence.blind ? [] : FITTING[evidence.route] || [];
    const does = { exercise: () => q.exercise(), card: () => q.openCard(), trusted: () => q.openCard(true) };
    return names.length ? el("div", { class: "q-quick", role: "group", "aria-label": words.quick.heading },
      ...names.map((name) => button(words.quick[name], "chip", does[name] || (() => act({ act: name })), { "data-act": name }))) : null;
  };
  const mend = (act) => el("span", { class: "q-mend" },
    button(words.quick.edit, "plain", () => { const text = last("user"); act({ act: "undo" }); setTimeout(() => write(text).focus(), 60); }, { "aria-label": words.quick.edit_label }),
    button(words.quick.undo, "plain", () => act({ act: "undo" }), { "aria-label": words.quick.undo_label }));

  const fromItsStart = () => { // an answer longer than the screen is read from its first line
    const log = document.querySelector("#talk .bubble-wrap"), end = [...document.querySelectorAll("#talk .bot-row")].pop();
    if (log && end && end.offsetHeight > log.clientHeight) log.scrollTop += end.getBoundingClientRect().top - log.getBoundingClientRect().top;
  };

  /* what stands under the talk; `heard` are functions of other files that want to know of each new answer */
  const REST = { route: "rest", candidates: [], chosen: null };
  let send = () => {}, starts = () => {}, ends = () => {}, server = {};
  const heard = new Set();
  const under = (element, props, trigger, watch, asked) => {
    const box = element.querySelector(".q-after") || element, around = element.closest("#after");
    let shown = null, begun = null;
    server = asked;
    send = (data) => { begun = null; trigger("click", data); };
    const now = () => JSON.stringify(props.value || {});
    const draw = () => {
      const said = props.value || {}, stopped = now() === begun && turns().length > 0;
      const e = said.route && !stopped ? said : turns().length ? REST : {};
      document.body.classList.toggle("q-talking", Boolean(e.route));
      if (!e.route) { box.replaceChildren(); shown = e; return; }
      const held = box.contains(document.activeElement);
      box.replaceChildren(...[
        e.lines && card(e), q.offer(e),
        stopped && el("p", { class: "q-limited", role: "status" }, words.pending.stopped), e.limited && el("p", { class: "q-limited" }, words.limited), e.blind && q.blind(e, send), chips(e, send),
        q.feedback(e), el("div", { class: "q-below" }, e.route in { rest: 1, closed: 1 } || e.blind ? el("span") : q.why(e, (index) => send({ act: "say", index })), mend(send)),
      ].filter(Boolean));
      if (held) around?.focus({ preventScroll: true }); // what was pressed is gone
      if (e === shown) return;
      shown = e;
      if (e.exercise) q.exercise(e.exercise);
      heard.forEach((tell) => tell(e));
      for (const pause of [50, 300, 700]) setTimeout(fromItsStart, pause); // Gradio scrolls down meanwhile
    };
    around?.setAttribute("tabindex", "-1");
    starts = () => { begun = now(); };
    ends = draw;
    watch("value", draw);
    listeners.add(draw);
    draw();
  };

  /* what Gradio wrote in the settings' language, or leaves empty, is said in the page's */
  const text = (node, value) => { // a changed text node stays Gradio's own, so that it can still change it
    const found = node && [...node.childNodes].find((n) => n.nodeType === 3 && n.data.trim());
    if (found ? found.data.trim() !== value : node && !node.childNodes.length) { if (found) found.data = value; else node.append(value); }
  };
  const named = (node, value) => { if (node && node.getAttribute("aria-label") !== value) node.setAttribute("aria-label", value); };
  const label = () => {
    if (document.title !== words.title) document.title = words.title;
    const area = field();
    for (const node of document.querySelectorAll("gradio-app .block, #message textarea")) if (node.dir !== words.direction) node.dir = words.direction; // Gradio says ltr
    if (area) {
      if (area.placeholder !== words.placeholder) area.placeholder = words.placeholder;
      const hint = touch() ? "enter" : "send";
      if (area.getAttribute("enterkeyhint") !== hint) area.setAttribute("enterkeyhint", hint);
      named(area, words.message);
      if (!area.hasAttribute("aria-describedby")) area.setAttribute("aria-describedby", "q-keys");
    }
    text(document.querySelector("#message .submit-button"), words.send);
    text(document.querySelector("#message .stop-button"), words.stop);
    const log = document.querySelector("#talk [role=log]");
    named(log, words.conversation);
    if (log && log.tabIndex < 0) log.tabIndex = 0; // so that the arrow keys scroll it
    for (const bubble of document.querySelectorAll("#talk [aria-label*=\"'s message: \"]")) {
      const [who, ...what] = bubble.getAttribute("aria-label").split("'s message: ");
      named(bubble, `${who === "user" ? words.you : words.program}: ${what.join("'s message: ")}`);
      bubble.setAttribute("dir", "auto");
    }
  };
  const first = () => {
    const place = document.querySelector("#talk .q-first");
    if (!place || place.dataset.language === words.language) return;
    place.dataset.language = words.language;
    place.replaceChildren(el("h2", {}, words.first.heading), ...words.first.lines.map((line) => el("p", {}, line)), q.earlier() || "",
      el("p", { class: "q-or", id: "q-or" }, words.first.examples),
      el("div", { class: "q-examples", role: "group", "aria-labelledby": "q-or" }, ...words.examples.map((t) => button(t, "example", () => say(t)))));
  };
  listeners.add(() => { const place = document.querySelector("#talk .q-first"); if (place) delete place.dataset.language; first(); label(); foot(); });

  /* a line that says what is going on while it thinks; the talk itself is announced by its own live region */
  const pending = el("p", { class: "q-pending", role: "status" });
  const bots = () => document.querySelectorAll("#talk [data-testid=bot]").length;
  let since = 0, before = 0, step = -1, again = null;
  const wait = () => {
    clearTimeout(again);
    const on = busy();
    document.body.classList.toggle("q-busy", on);
    if (on && !since) { since = Date.now(); starts(); }
    if (!on) { if (since) ends(); since = 0; before = bots(); }
    const thinking = on && bots() <= before;
    const now = thinking ? Math.min(words.pending.steps.length - 1, Math.floor((Date.now() - since) / 900)) : -1;
    if (now !== step) { step = now; pending.textContent = now < 0 ? "" : words.pending.steps[now]; }
    if (thinking) again = setTimeout(wait, 300);
  };

  /* Enter: sends where there is a keyboard, begins a line where there is only a screen; Shift and Enter always begin one */
  const touch = () => matchMedia("(pointer: coarse) and (hover: none)").matches;
  for (const kind of ["keydown", "keypress"]) {
    document.addEventListener(kind, (e) => {
      if (e.key === "Enter" && e.target === field() && (e.isComposing || (touch() && !e.ctrlKey && !e.metaKey))) e.stopPropagation();
    }, true);
  }

  let footer = null;
  const foot = (element) => {
    footer = element || footer;
    footer?.replaceChildren(el("div", { class: "q-foot" }, el("p", {}, words.caveat),
      el("span", { id: "q-keys", class: "q-hidden" }, touch() ? "" : words.newline_hint),
      button(words.again, "small", () => { send({ act: "again" }); q.begun(); q.forgetExercises(); write(""); field()?.focus(); }, { id: "again" })));
  };

  const watchTalk = () => {
    const root = document.querySelector("gradio-app");
    if (!root) return;
    new MutationObserver(() => {
      first(); label(); wait();
      const place = document.querySelector("#after");
      if (place && pending.parentElement !== place) place.prepend(pending);
    }).observe(root, { childList: true, subtree: true, characterData: true });
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", watchTalk); else watchTalk();
  Object.assign(q, { talk: under, foot, turns, last, say, write, heard, crisisCard: (kind) => card({ route: "crisis", kind }), act: (data) => send(data), ask: (name, data) => server[name](data) });
})();
