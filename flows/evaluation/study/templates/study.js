"use strict";
(() => {
  const kit = JSON.parse(document.getElementById("content").textContent);
  const $ = (id) => document.getElementById(id);
  const COLUMNS = ["kit", "reader", "film", "authentic", "quality", "seen", "useful"];
  const CODE = /^[A-Za-z0-9_-]{1,32}$/;
  const NONE = "none";
  const AUTHENTIC = ["certainly synthetic", "rather synthetic", "rather real", "certainly real"];
  const USEFUL = ["not useful", "partly useful", "useful"];
  const LETTERS = "abcdefghijklmnopqrstuvwxyz";
  const byId = new Map(kit.films.map((film) => [film.id, film]));
  const outlined = kit.films.filter((film) => film.overlays.length);

  // What is kept: {reader, part, at, answers: {film: {authentic, quality, seen: [...], useful: {name: grade}}}}
  let state = null;
  let keeps = true;
  const view = { closer: 1, inverted: false, lines: true };

  document.querySelectorAll("[data-needs]").forEach((element) => {
    const there = element.dataset.needs === "findings" ? kit.findings.length : outlined.length;
    element.hidden = !there;
  });

  // ---- keeping ----------------------------------------------------------------------------------------------
  const shelf = (reader) => `synthorax-study:${kit.kit}:${reader}`;

  function recall(reader) {
    try {
      return JSON.parse(localStorage.getItem(shelf(reader)));
    } catch {
      return null;
    }
  }

  function keep() {
    try {
      localStorage.setItem(shelf(state.reader), JSON.stringify(state));
      localStorage.setItem(`synthorax-study:${kit.kit}`, state.reader);
      keeps = true;
    } catch {
      keeps = false;
    }
    $("saved").textContent = keeps ? "Kept on this device" : "This browser keeps nothing: save your answers often";
    $("saved").classList.toggle("error", !keeps);
  }

  const answer = (film) => (state.answers[film.id] ??= { authentic: null, quality: null, seen: [], useful: {} });

  // ---- what is answered -------------------------------------------------------------------------------------
  function unanswered(film, part) {
    const given = state.answers[film.id];
    if (part === 2) return film.overlays.find((overlay) => given?.useful[overlay.name] === undefined)?.name ?? null;
    if (!given?.authentic) return "authentic";
    if (!given.quality) return "quality";
    return kit.findings.length && !given.seen.length ? "seen" : null;
  }

  const films = () => (state.part === 2 ? outlined : kit.films);
  const firstOpen = (list, part) => list.findIndex((film) => unanswered(film, part));

  // ---- the film ---------------------------------------------------------------------------------------------
  const SVG = "http://www.w3.org/2000/svg";
  $("outlines").setAttribute("viewBox", `0 0 ${kit.units} ${kit.units}`);

  function showFilm(film, number, count) {
    $("image").src = `data:image/png;base64,${film.png}`;
    $("image").alt = `Chest radiograph ${number} of ${count}`;
    $("film-title").textContent = state.part === 2 ? `Film ${number} of ${count}, with outlines` : `Film ${number} of ${count}`;
    const paths = state.part === 2 ? film.overlays.map((overlay) => {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("d", overlay.path);
      path.dataset.name = overlay.name;
      return path;
    }) : [];
    $("outlines").replaceChildren(...paths);
    $("lines").hidden = state.part !== 2;
    Object.assign(view, { closer: 1, lines: true });
    draw();
    $("stage").scrollTo(0, 0);
  }

  function draw() {
    $("film").style.setProperty("--closer", view.closer);
    const [brightness, contrast] = [$("brightness").value, $("contrast").value];
    $("image").style.filter = `brightness(${brightness}%) contrast(${contrast}%) invert(${view.inverted ? 1 : 0})`;
    $("outlines").style.visibility = view.lines ? "visible" : "hidden";
    $("invert").setAttribute("aria-pressed", view.inverted);
    $("lines").setAttribute("aria-pressed", view.lines);
  }

  function enlarge(step) {
    const stage = $("stage");
    const [x, y] = [stage.scrollLeft + stage.clientWidth / 2, stage.scrollTop + stage.clientHeight / 2];
    const before = view.closer;
    view.closer = Math.min(4, Math.max(1, view.closer + step));
    draw();
    const ratio = view.closer / before;
    stage.scrollTo(x * ratio - stage.clientWidth / 2, y * ratio - stage.clientHeight / 2);
  }

  const TOOLS = {
    "+": () => enlarge(0.5),
    "=": () => enlarge(0.5),
    "-": () => enlarge(-0.5),
    "*": () => { view.inverted = !view.inverted; draw(); },
    "/": () => { view.lines = !view.lines; draw(); },
  };
  $("closer").onclick = TOOLS["+"];
  $("further").onclick = TOOLS["-"];
  $("invert").onclick = TOOLS["*"];
  $("lines").onclick = TOOLS["/"];
  $("brightness").oninput = $("contrast").oninput = draw;

  // ---- questions --------------------------------------------------------------------------------------------
  function fieldset(name, legend, options, kind, checked, layout) {
    const set = document.createElement("fieldset");
    set.dataset.name = name;
    const title = document.createElement("legend");
    title.textContent = legend;
    const list = document.createElement("div");
    list.className = layout;
    for (const { value, label, key } of options) {
      const line = document.createElement("label");
      line.className = "option";
      const input = document.createElement("input");
      Object.assign(input, { type: kind, name, value, checked: checked.includes(value) });
      input.dataset.key = key;
      const hint = document.createElement("kbd");
      hint.textContent = key.toUpperCase();
      hint.setAttribute("aria-hidden", "true");
      line.append(input, hint, label);
      list.append(line);
    }
    set.append(title, list);
    return set;
  }

  const grades = (labels, first) => labels.map((label, i) => ({ value: String(i + first), label, key: String(i + 1) }));

  function questions(film) {
    const given = state.answers[film.id] ?? { seen: [], useful: {} };
    if (state.part === 2) {
      return film.overlays.map((overlay) => fieldset(
        `useful:${overlay.name}`, `Outline of ${overlay.title}: how useful?`, grades(USEFUL, 0), "radio",
        [String(given.useful[overlay.name])], ""));
    }
    const sets = [
      fieldset("authentic", "Is this film real?", grades(AUTHENTIC, 1), "radio", [String(given.authentic)], ""),
      fieldset("quality", "How good is it technically?", grades(["", "", "", "", ""], 1), "radio",
        [String(given.quality)], "across"),
    ];
    for (const [i, input] of sets[1].querySelectorAll("input").entries()) {
      input.setAttribute("aria-label", `${i + 1}${i === 0 ? ", useless" : i === 4 ? ", excellent" : ""}`);
      input.parentElement.append(String(i + 1));
    }
    const ends = document.createElement("div");
    ends.className = "ends";
    ends.setAttribute("aria-hidden", "true");
    ends.innerHTML = "<span>useless</span><span>excellent</span>";
    sets[1].append(ends);
    if (kit.findings.length) {
      const options = kit.findings.map(({ name, title }, i) => ({ value: name, label: title, key: LETTERS[i] }));
      options.push({ value: NONE, label: "none of these", key: "0" });
      sets.push(fieldset("seen", "What is to be seen?", options, "checkbox", given.seen, "ticks"));
    }
    return sets;
  }

  function record(set) {
    const film = films()[state.at];
    const given = answer(film);
    const values = [...set.querySelectorAll("input:checked")].map((input) => input.value);
    const name = set.dataset.name;
    if (name === "seen") given.seen = values;
    else if (name.startsWith("useful:")) given.useful[name.slice(7)] = Number(values[0]);
    else given[name] = Number(values[0]);
    $("missing").textContent = "";
    keep();
    progress();
  }

  $("fields").addEventListener("change", (event) => {
    const set = event.target.closest("fieldset");
    if (set.dataset.name === "seen" && event.target.checked) {
      for (const input of set.querySelectorAll("input")) {
        if ((input.value === NONE) !== (event.target.value === NONE)) input.checked = false;
      }
    }
    record(set);
  });

  $("fields").addEventListener("focusin", (event) => {
    const name = event.target.closest("fieldset")?.dataset.name.replace("useful:", "");
    for (const path of $("outlines").children) path.classList.toggle("asked", path.dataset.name === name);
  });

  function focusOn(set) {
    (set.querySelector("input:checked") ?? set.querySelector("input")).focus({ preventScroll: !matchMedia("(max-width: 60rem)").matches });
  }

  // ---- moving -----------------------------------------------------------------------------------------------
  function only(section) {
    for (const id of ["start", "reading", "between", "end"]) $(id).hidden = id !== section;
    $("files").hidden = section === "start";
  }

  function progress() {
    const done = kit.films.filter((film) => !unanswered(film, 1)).length + outlined.filter((film) => !unanswered(film, 2)).length;
    const all = kit.films.length + outlined.length;
    $("progress").value = done / all;
    $("place").textContent = `${state.reader}: ${done} of ${all}`;
  }

  function show(title) {
    const list = films();
    progress();
    if (state.at >= list.length) {
      const section = state.part === 1 && outlined.length ? "between" : "end";
      only(section);
      $(`${section}-title`).focus();
      return;
    }
    only("reading");
    const film = list[state.at];
    showFilm(film, state.at + 1, list.length);
    const sets = questions(film);
    $("fields").replaceChildren(...sets);
    $("missing").textContent = "";
    $("back").disabled = state.at === 0;
    window.scrollTo(0, 0);
    const open = sets.find((set) => set.dataset.name.replace("useful:", "") === unanswered(film, state.part));
    for (const path of $("outlines").children) path.classList.toggle("asked", path.dataset.name === film.overlays[0].name);
    if (title) $("film-title").focus({ preventScroll: true });
    else focusOn(open ?? sets[0]);
  }

  function move(step) {
    const film = films()[state.at];
    const open = step > 0 ? unanswered(film, state.part) : null;
    if (open) {
      $("missing").textContent = "This question is still open.";
      focusOn([...$("fields").children].find((set) => set.dataset.name.replace("useful:", "") === open));
      return;
    }
    state.at = Math.max(0, state.at + step);
    keep();
    show();
  }

  $("questions").onsubmit = (event) => { event.preventDefault(); move(1); };
  $("back").onclick = () => move(-1);
  $("review").onclick = () => { state.at = kit.films.length - 1; keep(); show(); };
  $("go-on").onclick = () => {
    const open = firstOpen(kit.films, 1);
    if (open >= 0) { state.at = open; keep(); show(); return; }
    state.part = 2;
    state.at = 0;
    keep();
    show();
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || $("reading").hidden) return;
    const where = event.target;
    if (where.matches("input[type=range], button, summary")) return;
    if (event.key === "Enter") { event.preventDefault(); move(1); return; }
    if (event.key === "Backspace") { event.preventDefault(); if (!$("back").disabled) move(-1); return; }
    const set = where.closest("fieldset");
    const input = set && [...set.querySelectorAll("input")].find((i) => i.dataset.key === event.key.toLowerCase());
    if (input) {
      event.preventDefault();
      input.focus();
      input.click();
      const following = set.nextElementSibling;
      if (input.type === "radio" && following?.matches("fieldset")) focusOn(following);
      return;
    }
    if (TOOLS[event.key]) { event.preventDefault(); TOOLS[event.key](); }
  });

  // ---- who reads, and files ---------------------------------------------------------------------------------
  function begin(reader) {
    state = recall(reader) ?? { reader, part: 1, at: 0, answers: {} };
    keep();
    show();
  }

  $("who").onsubmit = (event) => {
    event.preventDefault();
    const code = $("reader").value.trim();
    if (!CODE.test(code)) {
      $("start-error").textContent = "Letters, digits, - and _ only, 32 at most.";
      $("reader").focus();
      return;
    }
    begin(code);
  };

  function csv() {
    const rows = kit.films.filter((film) => state.answers[film.id]).map((film) => {
      const { authentic, quality, seen, useful } = state.answers[film.id];
      const grades = Object.keys(useful).sort().map((name) => `${name}=${useful[name]}`);
      return [kit.kit, state.reader, film.id, authentic ?? "", quality ?? "", [...seen].sort().join("|"), grades.join("|")];
    });
    return [COLUMNS, ...rows].map((row) => row.join(",")).join("\n") + "\n";
  }

  $("save").onclick = $("save-end").onclick = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
    link.download = `answers-${kit.kit.slice(0, 8)}-${state.reader}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    $("saved").textContent = `Saved as ${link.download}`;
  };

  function parse(text) {
    const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/).filter(Boolean);
    if (lines.shift() !== COLUMNS.join(",")) throw new Error("This is no file of answers.");
    if (!lines.length) throw new Error("There are no answers in this file.");
    let reader = null;
    const answers = {};
    for (const line of lines) {
      const [seal, code, id, authentic, quality, seen, useful, ...more] = line.split(",");
      if (seal !== kit.kit) throw new Error("These answers are of another study.");
      if (!CODE.test(code) || (reader ?? code) !== code || !byId.has(id) || id in answers || more.length) {
        throw new Error(`This file is damaged: ${line.slice(66, 120)}`);
      }
      reader = code;
      answers[id] = {
        authentic: Number(authentic) || null,
        quality: Number(quality) || null,
        seen: seen ? seen.split("|") : [],
        useful: Object.fromEntries(useful ? useful.split("|").map((pair) => {
          const [name, grade] = pair.split("=");
          return [name, Number(grade)];
        }) : []),
      };
    }
    return { reader, answers };
  }

  /** What was answered here stays; the file fills what is open. */
  function merge(here, file) {
    const all = { ...file, ...here };
    for (const id of Object.keys(here).filter((id) => id in file)) {
      const [a, b] = [here[id], file[id]];
      all[id] = {
        authentic: a.authentic ?? b.authentic,
        quality: a.quality ?? b.quality,
        seen: a.seen.length ? a.seen : b.seen,
        useful: { ...b.useful, ...a.useful },
      };
    }
    return all;
  }

  async function load(event) {
    const file = event.target.files[0];
    if (!file) return;
    try {
      const { reader, answers } = parse(await file.text());
      const kept = recall(reader);
      const merged = merge(kept?.answers ?? {}, answers);
      state = { reader, part: kept?.part ?? 1, at: 0, answers: merged };
      if (Object.values(merged).some((given) => Object.keys(given.useful).length)) state.part = 2;
      const open = firstOpen(films(), state.part);
      state.at = open < 0 ? films().length : open;
      keep();
      show();
    } catch (error) {
      $("saved").textContent = error.message;
      $("saved").classList.add("error");
      if (!state) $("start-error").textContent = error.message;
    }
    event.target.value = "";
  }
  $("load").onchange = $("load-start").onchange = load;

  // ---- begin ------------------------------------------------------------------------------------------------
  try {
    $("reader").value = localStorage.getItem(`synthorax-study:${kit.kit}`) ?? "";
  } catch {
    keeps = false;
  }
  only("start");
  $("reader").focus();
})();
