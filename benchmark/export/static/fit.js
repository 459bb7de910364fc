// Turns the table of "Does it fit?" to the reader's network, batch, card and K; the same arithmetic as footprint.py.
"use strict";
(() => {
  const form = document.querySelector("form#fit");
  if (!form) return;
  const table = document.querySelector("table[data-name=fit]");
  const body = table.tBodies[0];
  const [leastGap, leastFactor, mostGap, mostFactor] = table.dataset.gaps.split(" ").map(Number);
  const rows = [...body.rows].map((element) => ({
    element,
    batches: element.dataset.batches.split(" ").map(Number),
    peaks: element.dataset.peaks.split(" ").map(Number),
    cells: Object.fromEntries([...element.querySelectorAll("[data-cell]")].map((cell) => [cell.dataset.cell, cell])),
  }));

  // Simulated GB at a batch: on the line between the two that were simulated around it.
  function at({ batches, peaks }, batch) {
    if (batch <= batches[0]) return peaks[0];
    const right = batches.findIndex((other) => other >= batch);
    const [b0, b1, p0, p1] = [...batches.slice(right - 1, right + 1), ...peaks.slice(right - 1, right + 1)];
    return p0 + ((p1 - p0) * (batch - b0)) / (b1 - b0); // in footprint.py's order: other last bits round otherwise
  }

  function largest({ batches, peaks }, held) {
    const left = peaks.findLastIndex((peak) => peak <= held);
    if (left < 0) return "–";
    if (left === peaks.length - 1) return `${batches[left]}+`;
    const part = (held - peaks[left]) / (peaks[left + 1] - peaks[left]);
    return String(Math.floor(batches[left] + part * (batches[left + 1] - batches[left])));
  }

  function turn() {
    const { network, batch, card, k } = Object.fromEntries(new FormData(form));
    const memory = Number(card);
    const held = Math.max(0, Math.min(memory - mostGap, memory / mostFactor));
    const own = rows.filter((row) => row.element.dataset.network === network);
    for (const row of own) {
      row.peak = at(row, Number(batch));
      row.least = Math.max(row.peak + leastGap, row.peak * leastFactor);
      row.most = Math.max(row.peak + mostGap, row.peak * mostFactor);
      row.fits = row.most <= memory ? "fits" : row.least <= memory ? "may fit" : "does not fit";
    }
    own.sort((a, b) => a.peak - b.peak);
    const bar = own.find((row) => row.element.dataset.reference === "the bar");
    for (const row of own) {
      const word = document.createElement("span");
      word.className = `fits ${row.fits.replaceAll(" ", "-")}`;
      word.textContent = row.fits;
      row.cells.fits.replaceChildren(word);
      row.cells.peak.textContent = row.peak.toFixed(2);
      row.cells.card.textContent = `${row.least.toFixed(1)}–${row.most.toFixed(1)}`;
      row.cells.bar.textContent = bar ? (row.peak / bar.peak).toFixed(2) : "–";
      row.cells.batch.textContent = largest(row, held);
    }
    const traits = [...form.elements].filter(({ name, value }) => value && !["network", "batch", "card", "k"].includes(name));
    for (const { element } of rows) {
      const { dataset } = element;
      const otherK = k && dataset.k !== k && dataset.k !== "1";
      const other = !dataset.reference && traits.some(({ name, value }) => dataset[name] !== value);
      element.hidden = dataset.network !== network || Boolean(otherK) || other;
    }
    body.append(...own.map((row) => row.element));
    for (const head of table.tHead.rows[0].cells) head.removeAttribute("aria-sort");
    document.getElementById("summary").textContent = summary(own, bar, memory);
    for (const said of document.querySelectorAll(":is(figure, p)[data-network]")) said.hidden = said.dataset.network !== network;
  }

  function summary(own, bar, memory) {
    const said = [`${own.filter((row) => row.fits === "fits").length} of ${own.length} rows fit ${memory} GB for sure.`];
    const twin = own.find((row) => row.element.dataset.reference === "the twin");
    if (twin) said.push(`End-to-end backpropagation takes ${twin.cells.card.textContent} GB: it ${twin.fits}.`);
    if (bar) {
      const below = own.filter((row) => row.peak < bar.peak).length;
      const flops = bar.cells.batch.nextElementSibling.textContent;
      said.push(`The bar, gradient checkpointing at K = ${bar.element.dataset.k}, takes ${bar.cells.card.textContent} GB for ${flops} times the FLOPs: it ${bar.fits}.`);
      said.push(`${below} rows need less memory than it.`);
    }
    return said.join(" ");
  }

  function offer() {
    const sizes = form.elements.network.selectedOptions[0].dataset.batches.split(" ");
    const before = form.elements.batch.value;
    form.elements.batch.replaceChildren(...sizes.map((size) => new Option(size)));
    if (sizes.includes(before)) form.elements.batch.value = before;
  }

  // The part of the address after the hash: files opened without a server may change no other.
  function load() {
    const state = new URLSearchParams(location.hash.slice(1));
    for (const chooser of form.elements) {
      const wanted = state.get(chooser.name);
      if ([...chooser.options].some((option) => option.value === wanted)) chooser.value = wanted;
      if (chooser.name === "network") offer();
    }
    turn();
  }

  form.hidden = false;
  document.getElementById("as-it-stands").hidden = true;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", (event) => {
    if (event.target.name === "network") offer();
    turn();
    history.replaceState(null, "", `#${new URLSearchParams(new FormData(form))}`);
  });
  addEventListener("hashchange", load);
  load();
})();
