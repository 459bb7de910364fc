// Copies the rows that are shown, in their order: each row holds its own line, as Python wrote it. Or the citation.
"use strict";
(() => {
  const box = document.querySelector("[data-copies]");
  if (!box) return;
  const text = box.querySelector("textarea");
  const said = box.querySelector("output");
  const body = document.querySelector('table[data-name="rows"]').tBodies[0];
  box.hidden = false;
  for (const button of box.querySelectorAll("button")) {
    button.addEventListener("click", async () => {
      const { key, head, foot = "" } = button.dataset;
      const rows = key ? [...body.rows].filter((row) => row.fits !== false) : [];
      text.value = head + rows.map((row) => row.dataset[key] + "\n").join("") + foot;
      text.hidden = false;
      text.select();
      const many = key ? `${rows.length} row${rows.length === 1 ? "" : "s"}` : "The citation";
      try {
        await navigator.clipboard.writeText(text.value);
        said.value = `${many}: copied.`;
      } catch {
        said.value = `${many}: selected below, for you to copy.`; // a page without https may not reach the clipboard
      }
    });
  }
})();
