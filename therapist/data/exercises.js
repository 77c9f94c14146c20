/* Guided exercises: choose, rate, walk the steps, hear a word back. Steps, timer and what the person writes stay in this page;
   only "Hear a few words back" sends anything. Everything is built with textContent. `page.js` gives the tools and the sheet. */
window.quietExercises = ({ el, button, fill, heading, show, redraw, crisisCard, country }) => {
  const { guides, languages } = window.quietData;
  let { exercises, words } = Object.values(guides)[0];
  const QUIET = 6; // answers between two offers in the flow
  const MAIN = "#q-pace, #q-pause:not([hidden]), #q-next, h3"; // what to press next, where a view begins
  const HEAVY = 8; // a rating from which people are named, whatever it was before
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const room = el("div", { class: "q-guide" });
  const fresh = () => ({ at: -1, ratings: {}, answers: {} });
  let runs = {}; // what was begun, so that looking at another exercise loses nothing
  let exercise = exercises[0], run = fresh(), steps = [], left = 0, timer = null, stage = null, breath = exercise.id, listed = false;

  const named = (id) => exercises.find((e) => e.id === id);
  const view = (...nodes) => { room.replaceChildren(...nodes.flat().filter(Boolean)); const sheet = room.closest(".q-sheet"); if (sheet) sheet.scrollTop = 0; };
  const focus = (where) => where.split(", ").map((one) => room.querySelector(one)).find(Boolean)?.focus({ preventScroll: true }); // the first named, not the first drawn

  const select = (id) => {
    pause();
    exercise = named(id) || exercises[0];
    run = runs[exercise.id] ||= fresh();
    steps = Array.from({ length: exercise.rounds }, () => exercise.steps).flat();
    stage = null; listed = false;
    if (exercise.kind === "breathing") breath = exercise.id;
    if (run.at < 0) start(); else if (run.at >= steps.length) end(); else { step(); pause(); }
  };
  const forget = () => { runs = {}; breath = exercises[0].id; select(breath); };

  /* a language's words come when it is first spoken; until then, and where they do not arrive, the others stay. True when they changed. */
  let asked = "";
  const speak = () => {
    const code = window.quiet.words.language, guide = guides[code];
    if (!guide && asked !== code) {
      asked = code;
      fetch(new URL(`guide/${code}.json`, document.baseURI)).then((r) => r.json()).then((found) => { guides[code] = found; redraw(); }).catch(() => { asked = ""; });
    }
    if (!guide || guide.language === room.lang) return false;
    ({ exercises, words } = guide);
    room.lang = guide.language; room.dir = languages[guide.language].direction;
    if (listed) list(); else select(exercise.id);
    return true;
  };

  const list = () => {
    pause();
    listed = true;
    view(el("p", {}, words.lead), Object.entries(words.kinds).map(([kind, title]) => {
      const found = exercises.filter((e) => e.kind === kind);
      return found.length && el("section", { class: "q-shelf" }, el("h3", {}, title), ...found.map((e) =>
        el("button", { type: "button", class: "q-choice", onclick: () => { select(e.id); focus(MAIN); } },
          el("b", {}, e.name), el("small", {}, runs[e.id]?.at >= 0 ? words.begun : e.about))));
    }));
  };
  const all = () => button(words.all, "wide", () => { list(); focus("button"); });

  /* 0 to 10, before and after; leaving it out is fine */
  const rating = (which, chosen) => el("fieldset", { class: "q-rating" }, el("legend", {}, words[which]),
    el("div", { class: "q-scale" }, ...Array.from({ length: 11 }, (_, n) => el("label", {},
      el("input", { type: "radio", name: `q-${which}`, value: n, checked: run.ratings[which] === n, "aria-label": fill(words.rate, n), onchange: () => { run.ratings[which] = n; chosen?.(); } }),
      el("span", { "aria-hidden": "true" }, String(n))))),
    el("div", { class: "q-ends", "aria-hidden": "true" }, el("span", {}, words.low), el("span", {}, words.high)));

  const start = () => {
    const patterns = exercise.kind === "breathing" && exercises.filter((e) => e.kind === "breathing");
    view(
      patterns ? el("div", { class: "q-kinds" }, ...patterns.map((e) => button(e.name, "", () => { select(e.id); focus(`[data-id="${e.id}"]`); }, { "data-id": e.id, "aria-pressed": String(e === exercise) }))) : el("h3", {}, exercise.name),
      el("p", {}, exercise.about), exercise.note && el("p", { class: "q-note" }, exercise.note),
      el("div", { class: "q-stack" }, button(words.start, "main wide", () => walk(0), { id: "q-pace" })), rating("before"), el("div", { class: "q-stack" }, all()));
  };

  /* one step after the other; those without seconds wait for the person */
  const draw = () => {
    const s = { orb: el("i", { class: "orb" }), say: el("span", { "aria-live": "polite" }), count: el("small", { "aria-hidden": "true" }), where: el("p", { class: "q-round" }), form: el("div", { class: "q-form" }) };
    s.back = button(words.back, "", () => walk(run.at - 1));
    s.pause = button(words.pause, "", () => (timer ? pause() : time()), { id: "q-pause" });
    s.next = button(words.skip, "", () => walk(run.at + 1), { id: "q-next" });
    s.box = el("div", { class: exercise.kind === "breathing" ? "q-pacer" : "q-pacer words" }, el("i", { class: "ring" }), s.orb, el("div", { class: "q-say" }, s.say, s.count));
    stage = s;
    view(el("h3", {}, exercise.name), s.where, s.box, s.form, el("div", { class: "q-steps" }, s.back, s.pause, s.next));
  };
  const walk = (index) => {
    pause();
    run.at = index;
    if (index < 0) { start(); focus(MAIN); } else if (index >= steps.length) { end(); focus("h3"); } else step();
  };
  const step = () => {
    const drawn = stage && room.contains(stage.box);
    if (!drawn) draw();
    const now = steps[run.at], s = stage, turn = Math.floor(run.at / exercise.steps.length) + 1;
    s.say.textContent = now.say;
    s.where.textContent = exercise.rounds > 1 ? fill(words.round, turn, exercise.rounds) : fill(words.step, run.at + 1, steps.length);
    s.form.replaceChildren(...(now.label ? form(now, run.at) : []));
    const held = document.activeElement === s.pause && !now.seconds;
    s.pause.hidden = !now.seconds;
    s.next.textContent = run.at === steps.length - 1 ? words.finish : now.seconds ? words.skip : words.next;
    s.pause.classList.toggle("main", Boolean(now.seconds)); s.next.classList.toggle("main", !now.seconds);
    left = now.seconds;
    s.count.textContent = "";
    if (left) time();
    if (now.label) s.form.querySelector("input, textarea").focus({ preventScroll: true });
    else if (!drawn || held || !room.contains(document.activeElement)) focus(MAIN);
  };
  const time = () => {
    const s = stage, move = steps[run.at].move;
    s.pause.textContent = words.pause;
    s.orb.style.transform = ""; s.orb.style.transitionDuration = `${still.matches ? 0 : left}s`;
    if (move !== "stay") s.orb.classList.toggle("full", move === "in");
    const tick = () => {
      s.count.textContent = left;
      timer = setTimeout(() => { left -= 1; if (left > 0) tick(); else walk(run.at + 1); }, 1000);
    };
    tick();
  };
  const pause = () => {
    if (!timer) return;
    clearTimeout(timer); timer = null;
    stage.pause.textContent = words.resume; stage.count.textContent = words.paused;
    if (!still.matches) stage.orb.style.transform = getComputedStyle(stage.orb).transform;
  };
  const parts = (choice) => choice.split(": ").map((part) => part.trim());
  const form = (now, index) => {
    if (!now.choices.length) {
      const field = el("textarea", { class: "q-field-area", rows: 4, maxlength: 4000, "aria-label": now.say, placeholder: words.answer, oninput: () => { run.answers[index] = field.value; } });
      field.value = run.answers[index] || "";
      return [field];
    }
    const boxes = now.choices.map((choice, number) => {
      const [name, ...about] = parts(choice);
      const box = el("input", { type: "checkbox", checked: (run.answers[index] || []).includes(number), onchange: () => { run.answers[index] = boxes.flatMap((b, n) => (b.firstChild.checked ? [n] : [])); } });
      return el("label", { class: "q-check" }, box, el("span", {}, el("b", {}, name), about.length ? el("small", {}, about.join(": ")) : null));
    });
    return [el("fieldset", { class: "q-checks" }, el("legend", {}, words.choose), ...boxes)];
  };

  /* the end: how it is now, what was written, and a reply only to those who ask for one */
  const answer = (step, given) => (step.choices.length ? (given || []).map((n) => parts(step.choices[n])[0]).join(", ") : (given || "").trim());
  const written = () => steps.map((step, i) => [step.label, answer(step, run.answers[i])]).filter(([, text]) => text);
  const text = (between) => { const found = written(); return found.length === 1 ? found[0][1] : found.map(([label, said]) => `${label}: ${said}`).join(between); };
  const end = () => {
    stage = null;
    const outcome = el("div", { "aria-live": "polite" }), compare = () => outcome.replaceChildren(...difference());
    if (run.ratings.after !== undefined) compare();
    view(el("h3", { tabindex: "-1" }, words.done), run.ratings.before === undefined ? null : rating("after", compare), outcome, written().length ? yours() : null,
      el("div", { class: "q-stack" }, button(words.again, "wide", () => { delete runs[exercise.id]; select(exercise.id); focus(MAIN); }), all()));
  };
  const difference = () => {
    const { before, after } = run.ratings, found = after < before ? "better" : after > before ? "worse" : "same";
    const nodes = [el("p", { class: "q-outcome" }, words.outcome[found].replaceAll("{before}", before).replaceAll("{after}", after))];
    const other = named(exercise.instead);
    if (found === "worse" || after >= HEAVY) nodes.push(el("div", { class: "q-stack" }, button(window.quiet.words.help, "help wide", () => show("help")),
      other ? button(fill(words.instead, other.name), "wide", () => { select(other.id); focus(MAIN); }) : null));
    return nodes;
  };
  const yours = () => {
    const heard = el("div", { class: "q-heard", "aria-live": "polite" }), status = el("span", { class: "soft", role: "status" });
    const copy = () => navigator.clipboard.writeText(text("\n")).then(() => { status.textContent = words.copied; }, () => { status.textContent = words.copy_failed; });
    const keep = () => {
      const link = el("a", { href: URL.createObjectURL(new Blob([text("\n")], { type: "text/plain" })), download: fill(words.file, exercise.id) });
      link.click(); URL.revokeObjectURL(link.href);
    };
    const ask = button(words.reflect, "main wide", () => reflect(heard, ask));
    return el("section", { class: "q-yours" }, el("h3", {}, words.yours), el("p", { class: "q-text", dir: "auto" }, text("\n")), el("p", { class: "soft" }, words.private),
      el("div", { class: "q-acts" }, button(words.copy, "", copy), button(words.download, "", keep), status), ask, el("p", { class: "soft" }, words.reflect_note), heard);
  };
  const reflect = async (heard, ask) => {
    ask.disabled = true;
    heard.replaceChildren(el("p", { class: "soft" }, words.reading));
    try {
      const said = await call({ exercise: exercise.id, step: steps.length, answer: text(" "), country: country(), language: window.quiet.words.language });
      const word = said.word.split("\n\n").map((p) => el("p", { dir: "auto" }, p));
      if (said.route === "crisis") urgent(heard, crisisCard(said.risk.kind), word); else heard.replaceChildren(...word);
    } catch { heard.replaceChildren(el("p", {}, words.failed)); }
    ask.disabled = false;
  };
  const urgent = (heard, card, word) => { // the line to call stands above all that was written
    room.prepend(heard);
    heard.replaceChildren(card, ...word);
    room.closest(".q-sheet").scrollTop = 0;
    card.querySelector("a")?.focus({ preventScroll: true });
  };
  const call = async (body) => {
    const at = new URL("gradio_api/call/v2/exercise_step", document.baseURI), signal = AbortSignal.timeout(180000);
    const posted = await fetch(at, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal });
    const events = await (await fetch(`${at}/${(await posted.json()).event_id}`, { signal })).text();
    return JSON.parse(events.match(/event: complete\s*\ndata: (.*)/)[1])[0];
  };

  /* beside a reply: what was asked for, or now and then what might fit */
  let since = QUIET, last = null, made = false;
  const offer = (evidence) => {
    if (evidence !== last) {
      last = evidence; since += 1;
      made = Boolean(evidence.offer) && since > QUIET;
      if (made) since = 0;
    }
    const found = named(evidence.exercise || (made ? evidence.offer : ""));
    return found ? el("div", { class: "q-offer" }, button(fill(evidence.exercise ? words.open : words.offer, found.name), evidence.exercise ? "main" : "", () => open(found.id))) : null;
  };

  const open = (id) => {
    select(id || breath);
    show("exercises");
    focus(MAIN);
  };
  select(exercise.id);
  return { speak, draw: () => [heading(words.heading), room], stop: pause, forget, open, offer, list: () => { list(); show("exercises"); } };
};
