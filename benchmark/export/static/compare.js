// Two rows side by side, from the files of data beside the page; the same arithmetic as comparing.py.
"use strict";
(() => {
  const form = document.querySelector("form#compare");
  if (!form) return;
  const MOST = 4e6; // pairs of lines: more would stop the browser for seconds
  const says = JSON.parse(form.dataset.says);
  const place = (id) => document.getElementById(id);
  const chart = document.querySelector(".pair svg");
  const { suite, backbone, a, b } = form.elements;
  let latest = 0; // of the loads: what an earlier one brings is not shown any more

  const words = (form, values) => form.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  // Halves away from zero, as in the tables, whatever is left of sums in another order.
  const rounded = (number) => (Math.sign(number) * Math.floor(Math.abs(number) * 100 + 0.5 + 1e-7)) / 100;
  const unsigned = (number) => rounded(number).toFixed(2).replace(/^-(0\.00)$/, "$1");
  const signed = (number) => unsigned(number).replace(/^(?!-)/, "+");

  function element(name, text, className) {
    const made = document.createElement(name);
    made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  // A page that was opened as a file may load a script, and no JSON: so the data are scripts.
  function load(file) {
    if (globalThis.compared?.[file]) return Promise.resolve(globalThis.compared[file]);
    return new Promise((found) => {
      const script = document.createElement("script");
      script.src = file;
      script.addEventListener("load", () => found(globalThis.compared?.[file]));
      script.addEventListener("error", () => found(undefined));
      document.head.append(script);
    });
  }

  function offer(select, names, wanted) {
    select.replaceChildren(...names.map((name) => new Option(name)));
    if (names.includes(wanted)) select.value = wanted;
  }

  // Mean of the paired differences, and half of its 95 % t interval.
  function paired(one, other) {
    const seeds = Object.keys(one.seeds).filter((seed) => seed in other.seeds).map(Number).sort((x, y) => x - y);
    const pairs = seeds.map((seed) => [seed, one.seeds[seed], other.seeds[seed]]);
    const differences = pairs.map(([, mine, theirs]) => mine - theirs);
    const n = pairs.length;
    const mean = differences.reduce((sum, x) => sum + x, 0) / n;
    const spread = Math.sqrt(differences.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (n - 1));
    return { pairs, mean, half: n > 1 ? (says.quantiles[n - 2] * spread) / Math.sqrt(n) : NaN };
  }

  function inWords({ pairs, mean, half }) {
    if (!pairs.length) return says.NO_PAIRS;
    if (pairs.length === 1) return words(says.ONE_SEED, { mean: signed(mean) });
    const said = words(says.PAIRED, { mean: `${signed(mean)} ± ${unsigned(half)}`, n: pairs.length });
    return `${said} ${Math.abs(mean) > half ? says.TOLD : says.NOT_TOLD}`;
  }

  function row(cells, numeric) {
    const made = document.createElement("tr");
    made.append(...cells.map((text, i) => element(i ? "td" : "th", text, numeric(i) ? "num" : "")));
    made.cells[0].scope = "row";
    return made;
  }

  function showDifferences(one, other) {
    const pairs = one.pictures === other.pictures ? paired(one, other) : { pairs: [] };
    place("paired").textContent = one.pictures === other.pictures ? inWords(pairs) : says.OTHER_PICTURES;
    place("by-seed").hidden = !pairs.pairs.length;
    const lines = pairs.pairs.map(([seed, x, y]) => row([seed, unsigned(x), unsigned(y), signed(x - y)], (i) => i > 0));
    place("by-seed").querySelector("tbody").replaceChildren(...lines);
  }

  function showFacts(one, other) {
    const lines = says.labels.flatMap((label, i) => {
      const [[mine, amount], [theirs, divisor]] = [one.facts[i], other.facts[i]];
      if (!mine && !theirs) return [];
      const ratio = amount !== null && divisor ? (amount / divisor).toFixed(2) : "";
      const line = row([label, mine || "–", theirs || "–", ratio], (column) => column === 3);
      line.className = mine === theirs ? "" : "differs";
      return [line];
    });
    place("facts").querySelector("tbody").replaceChildren(...lines);
    place("facts").querySelectorAll("thead th").forEach((head, i) => {
      if (i < 2) head.textContent = `${"AB"[i]}: ${[one, other][i].name}`;
    });
    place("links").replaceChildren(...[one, other].map(links));
  }

  function links(side) {
    const item = element("li", `${side.name}: `);
    const page = element("a", `${side.method}’s page`);
    page.href = side.page;
    item.append(page, ", ");
    if (side.object) {
      const object = element("a", "object to this row");
      object.href = side.object;
      object.rel = "noopener noreferrer";
      item.append(object, ", ");
    }
    item.append(element("code", side.records));
    return item;
  }

  // Steps of 1, 2 or 5 times a power of ten, about five of them.
  function ticks(low, high) {
    const raw = (high - low || 1) / 5;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = power * [1, 2, 5, 10].find((factor) => factor * power >= raw);
    const first = Math.ceil(low / step);
    return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
  }

  function drawn(name, attributes, text = "") {
    const made = document.createElementNS(chart.namespaceURI, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  }

  function showCurves(one, other) {
    const points = [...one.curve, ...other.curve];
    place("curves").textContent = points.length ? says.CURVES : says.NO_CURVES;
    chart.toggleAttribute("hidden", !points.length);
    if (!points.length) return;
    const [left, right, top, bottom] = [58, 700, 14, 280];
    const [epochs, values] = [0, 1].map((i) => points.map((point) => point[i]));
    const [first, last, low, high] = [Math.min(...epochs), Math.max(...epochs), Math.min(...values), Math.max(...values)];
    const x = (epoch) => left + ((epoch - first) / (last - first || 1)) * (right - left);
    const y = (value) => bottom - ((value - low) / (high - low || 1)) * (bottom - top);
    const marks = ticks(low, high).flatMap((value) => [
      drawn("line", { class: "grid", x1: left, x2: right, y1: y(value), y2: y(value) }),
      drawn("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, `${value}`),
    ]);
    const steps = ticks(first, last).filter(Number.isInteger);
    marks.push(...steps.map((epoch) => drawn("text", { x: x(epoch), y: bottom + 20, "text-anchor": "middle" }, `${epoch}`)));
    const lines = [one, other].map((side, i) => {
      const kind = "ab"[i];
      const at = side.curve.map(([epoch, value]) => `${x(epoch).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
      return drawn("polyline", { class: kind, points: at });
    });
    place("legend").replaceChildren(...[one, other].map((side, i) => element("span", `${"AB"[i]}: ${side.name}`, "ab"[i])));
    chart.setAttribute("aria-label", `${one.name} and ${other.name}: validation accuracy in percent by epoch`);
    chart.replaceChildren(...marks, ...lines);
  }

  // The longest common subsequence of lines, as [sign, line]: of B's file "-", of A's "+", of both " ".
  function difference(old, fresh) {
    const lengths = Array.from({ length: old.length + 1 }, () => new Uint16Array(fresh.length + 1));
    for (let i = old.length - 1; i >= 0; i--) {
      for (let j = fresh.length - 1; j >= 0; j--) {
        lengths[i][j] = old[i] === fresh[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
      }
    }
    const found = [];
    let [i, j] = [0, 0];
    while (i < old.length || j < fresh.length) {
      if (i < old.length && j < fresh.length && old[i] === fresh[j]) {
        found.push([" ", old[i++]]);
        j++;
      } else if (j === fresh.length || (i < old.length && lengths[i + 1][j] >= lengths[i][j + 1])) found.push(["-", old[i++]]);
      else found.push(["+", fresh[j++]]);
    }
    return found;
  }

  // Without the middle of long equal stretches, which a line counts.
  function shortened(lines) {
    const found = [];
    for (let start = 0; start < lines.length; ) {
      let end = start;
      while (end < lines.length && (lines[end][0] === " ") === (lines[start][0] === " ")) end++;
      const head = start === 0 ? 0 : says.context;
      const tail = end === lines.length ? 0 : says.context;
      const out = end - start - head - tail;
      if (lines[start][0] !== " " || out < 2) found.push(...lines.slice(start, end));
      else found.push(...lines.slice(start, start + head), ["⋯", words(says.KEPT, { n: out })], ...lines.slice(end - tail, end));
      start = end;
    }
    return found;
  }

  const lines = (text) => text.replace(/\n$/, "").split("\n");

  async function showFiles(one, other, turn) {
    const same = one.sha && one.sha === other.sha;
    const known = one.file && other.file;
    const sources = known && !same ? await Promise.all([one, other].map(async (side) => (await load(side.file))?.[side.sha])) : [];
    if (turn !== latest) return;
    const found = sources.length === 2 && sources.every((source) => source !== undefined);
    const [fresh, old] = found ? sources.map(lines) : [[], []];
    const compared = found && fresh.length * old.length <= MOST;
    place("files").textContent = same ? says.SAME_FILE : compared ? says.FILES : found ? says.TOO_LONG : says.NO_FILE;
    place("difference").hidden = !compared;
    if (!compared) return;
    const kinds = { "-": "gone", "+": "new", "⋯": "kept" };
    const shown = shortened(difference(old, fresh));
    place("difference").replaceChildren(...shown.map(([sign, line]) => element("span", `${sign} ${line}\n`, kinds[sign] ?? "")));
  }

  // Each chooser offers what the one before it leaves.
  async function turn(wanted) {
    const own = ++latest;
    const suites = [...suite.options].map((option) => option.value);
    if (suites.includes(wanted.suite)) suite.value = wanted.suite;
    const settings = await load(suite.selectedOptions[0].dataset.file);
    if (own !== latest || !settings) return;
    const backbones = settings.map((setting) => setting.backbone);
    offer(backbone, backbones, wanted.backbone);
    const { rows } = settings[backbone.selectedIndex];
    const named = new Map(rows.map((side) => [side.name, side]));
    offer(a, [...named.keys()], wanted.a);
    const one = named.get(a.value);
    const rest = [...named.keys()].filter((name) => name !== one.name);
    offer(b, rest, rest.includes(wanted.b) ? wanted.b : one.other);
    const other = named.get(b.value);
    const remarks = wanted.said ? [] : inVain(wanted, { suite, backbone, a, b });
    if (!other) remarks.push(says.ONE_ROW);
    if (other && one.recipe !== other.recipe) remarks.push(says.OTHER_RECIPES);
    place("remarks").replaceChildren(...remarks.map((text) => element("p", text, "empty")));
    place("compared").hidden = !other;
    if (!other) return;
    showDifferences(one, other);
    showFacts(one, other);
    showCurves(one, other);
    await showFiles(one, other, own);
  }

  function inVain(wanted, choosers) {
    const gone = Object.entries(choosers).filter(([name, chooser]) => wanted[name] && chooser.value !== wanted[name]);
    return gone.map(([name, chooser]) => `The address names the ${chooser.dataset.what} ${wanted[name]}, which is not here.`);
  }

  // The part of the address after the hash: files opened without a server may change no other.
  const fromAddress = () => turn(Object.fromEntries(new URLSearchParams(location.hash.slice(1))));
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", async () => {
    const wanted = Object.fromEntries(new FormData(form));
    await turn({ ...wanted, said: true }); // what the reader's own choice leaves out is no news
    history.replaceState(null, "", `#${new URLSearchParams(new FormData(form))}`);
  });
  addEventListener("hashchange", fromAddress);
  fromAddress();
})();
