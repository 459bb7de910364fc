// Sorting, filters and addresses that can be shared, for tables that are complete without any of it.
"use strict";
(() => {
  const MOST = 300; // rows drawn before the reader asks for all: thousands take a second to lay out
  let limit = MOST;
  const collator = new Intl.Collator("en");
  const form = document.querySelector("form.filters");
  const tables = [...document.querySelectorAll("table.data")].map(prepare);
  // not form.dataset: a filter of that name stands in its place
  const main = form && tables.find((table) => table.element.dataset.name === form.getAttribute("data-for"));
  const gaps = [...document.querySelectorAll(".bb-gap tbody")].map((body) => ({ body, rows: [...body.querySelectorAll("tr[data-family]")] }));

  const more = document.createElement("button");

  function prepare(element) {
    const table = { element, body: element.tBodies[0], rows: [...element.tBodies[0].rows], sorted: null };
    table.order = new Map(table.rows.map((row, i) => [row, i]));
    table.heads = [...element.tHead.rows[0].cells];
    table.heads.forEach((head, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      if (head.title) button.addEventListener("focus", () => explain(table, head));
      if (head.title) button.addEventListener("click", () => explain(table, head)); // a finger does not focus everywhere
      button.addEventListener("click", () => {
        sort(table, next(table, i));
        if (table === main) { filter(); save(); }
      });
    });
    return table;
  }

  // A title is read by a mouse alone: below the table it is for fingers and keys, too.
  function explain(table, head) {
    table.meaning ??= table.element.parentElement.insertAdjacentElement("afterend", document.createElement("p"));
    table.meaning.className = "note";
    table.meaning.setAttribute("role", "status");
    table.meaning.textContent = `${head.textContent}: ${head.title}`;
  }

  // A number's first click shows the largest, a text's the first of the alphabet; the third gives the order back.
  function next(table, column) {
    const first = table.heads[column].classList.contains("num");
    if (!table.sorted || table.sorted.column !== column) return { column, down: first };
    return table.sorted.down === first ? { column, down: !first } : null;
  }

  function sort(table, sorted) {
    table.sorted = sorted;
    table.heads.forEach((head) => head.removeAttribute("aria-sort"));
    const place = (row) => table.order.get(row);
    let compare = (a, b) => place(a) - place(b);
    if (sorted) {
      table.heads[sorted.column].setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
      const values = new Map(table.rows.map((row) => [row, value(table, row, sorted.column)]));
      const within = (a, b) => ordered(values.get(a), values.get(b), sorted.down) || place(a) - place(b);
      const leads = new Map(); // by block: the row of it that stands first
      for (const row of table.rows.filter((row) => row.fits !== false).sort(within)) {
        if (!leads.has(block(row))) leads.set(block(row), row);
      }
      const lead = (row) => leads.get(block(row)) || row;
      compare = (a, b) => (lead(a) === lead(b) ? within(a, b) : within(lead(a), lead(b)));
    }
    table.rows.sort(compare);
    table.body.append(...table.rows);
    join(table);
  }

  // Rows of one method stay together, wherever its first row would stand.
  function block(row) {
    return row.dataset.block ?? row;
  }

  function join(table) {
    let before = null;
    for (const row of table.rows) {
      if (row.hidden) continue;
      row.classList.toggle("again", before !== null && block(before) === block(row));
      before = row;
    }
  }

  // Empty cells have no value and stand last, whichever way the others go.
  function value(table, row, column) {
    const text = row.cells[column].textContent.trim();
    if (!table.heads[column].classList.contains("num")) return text || null;
    const found = text.replace(/,/g, "").match(/[-+−]?\d+(\.\d+)?/);
    return found ? Number(found[0].replace("−", "-")) : null;
  }

  function ordered(a, b, down) {
    if (a === null || b === null) return (a === null) - (b === null);
    const order = typeof a === "number" ? a - b : collator.compare(a, b);
    return down ? -order : order;
  }

  function filter() {
    const wanted = [...form.querySelectorAll("select")].filter((select) => select.value);
    const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of main.rows) {
      let fits = wanted.every((select) => row.dataset[select.name] === select.value);
      if (fits && words.length) {
        row.said ??= [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase();
        fits = words.every((word) => row.said.includes(word));
      }
      row.fits = fits;
    }
    if (main.sorted) sort(main, main.sorted); // a block may now be led by another row
    let shown = 0;
    for (const row of main.rows) {
      shown += row.fits;
      const hide = !row.fits || shown > limit;
      if (row.hidden !== hide) row.hidden = hide;
    }
    join(main);
    filterGaps(wanted);
    form.querySelector("output").value = `${shown} of ${main.rows.length} rows`;
    more.hidden = shown <= limit;
    more.textContent = `The first ${limit} are drawn: draw all`;
    form.nextElementSibling.hidden = shown > 0;
    main.element.parentElement.hidden = shown === 0;
  }

  // The picture of gaps has a row a method, so it obeys what is asked of methods: family, locks, labels.
  function filterGaps(wanted) {
    for (const { body, rows } of gaps) {
      for (const row of rows) row.hidden = wanted.some(({ name, value }) => name in row.dataset && row.dataset[name] !== value);
      body.hidden = rows.every((row) => row.hidden);
    }
  }

  // The part of the address after the hash: files opened without a server may change no other.
  function save() {
    const state = new URLSearchParams([...new FormData(form)].filter(([, text]) => text));
    if (main.sorted) {
      const head = main.heads[main.sorted.column].textContent;
      state.set("sort", (main.sorted.down ? "-" : "") + head);
    }
    history.replaceState(null, "", `#${state}`);
  }

  function load() {
    const hash = location.hash.slice(1);
    if (hash && !hash.includes("=")) return filter(); // a place in the page
    const state = new URLSearchParams(hash);
    for (const field of form.querySelectorAll("select, input")) {
      const text = state.get(field.name) || "";
      if (field.tagName === "SELECT" && text && ![...field.options].some((option) => option.value === text)) {
        field.add(new Option(text)); // an address of other results: show that nothing is like it
      }
      field.value = text;
    }
    const by = state.get("sort") || "";
    const column = main.heads.findIndex((head) => head.textContent === by.replace(/^-/, ""));
    if (column >= 0 || main.sorted) sort(main, column < 0 ? null : { column, down: by.startsWith("-") });
    filter();
  }

  // By hand, so that the address keeps the filters and the order.
  for (const link of document.querySelectorAll("a.skip")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      document.querySelector(link.hash).focus();
    });
  }

  if (!main) return;
  form.hidden = false;
  more.type = "button";
  more.addEventListener("click", () => { limit = Infinity; filter(); });
  form.append(more);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => { filter(); save(); });
  form.addEventListener("reset", () => setTimeout(() => { filter(); save(); }));
  addEventListener("hashchange", load);
  load();
})();
