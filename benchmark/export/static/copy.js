// Copies the rows that are shown, in their order: each row holds its own line, as Python wrote it.
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
      const rows = [...body.rows].filter((row) => row.fits !== false);
      const lines = rows.map((row) => row.dataset[button.dataset.key] + "\n");
      text.value = button.dataset.head + lines.join("") + button.dataset.foot;
      text.hidden = false;
      text.select();
      const many = `${rows.length} row${rows.length === 1 ? "" : "s"}`;
      try {
        await navigator.clipboard.writeText(text.value);
        said.value = `${many} copied.`;
      } catch {
        said.value = `${many}, selected below: copy them.`; // a page without https may not reach the clipboard
      }
    });
  }
})();
