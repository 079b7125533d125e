"use strict";
for (const table of document.querySelectorAll("table.sort")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.onclick = () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const text = row => row.cells[column].textContent.trim();
      const number = row => parseFloat(text(row).replace(/,/g, ""));
      const numeric = head.classList.contains("n");
      const rows = [...table.tBodies[0].rows].sort((a, b) =>
        numeric ? (number(a) || 0) - (number(b) || 0) : text(a).localeCompare(text(b)));
      table.tBodies[0].append(...(up ? rows : rows.reverse()));
    };
  });
}
for (const box of document.querySelectorAll(".filter")) {
  box.hidden = false;
  const input = box.querySelector("input"), said = box.querySelector("output");
  const rows = [...document.getElementById(input.dataset.table).tBodies[0].rows];
  const texts = rows.map(row => row.textContent.toLowerCase());
  input.oninput = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, index) => {
      row.hidden = !words.every(word => texts[index].includes(word));
      shown += row.hidden ? 0 : 1;
    });
    said.textContent = words.length ? `${shown} of ${rows.length}` : "";
  };
}
