// Tables scroll in a frame of their own and can be sorted; tall figures unfold.
(() => {
  const text = cell => cell ? cell.textContent.trim() : "";
  const number = words => {
    const found = words.replace(/\u2212/g, "-").match(/^[+-]?(\d[\d,]*\.?\d*|\.\d+)(e[+-]?\d+)?/i);
    return found ? parseFloat(found[0].replace(/,/g, "")) : NaN;
  };
  const compare = (first, second) => {
    const [one, other] = [number(first), number(second)];
    if (!isNaN(one) && !isNaN(other)) return one - other;
    return first.localeCompare(second, undefined, {numeric: true});
  };

  // Rows between two headings of a block change places among themselves alone.
  function sort(body, column, sign) {
    let block = [];
    const place = before => {
      const absent = row => ["", "\u2013", "NaN"].includes(text(row.cells[column]));
      block.sort((a, b) => absent(a) - absent(b) || sign * compare(text(a.cells[column]), text(b.cells[column])));
      block.forEach(row => body.insertBefore(row, before));
      block = [];
    };
    for (const row of [...body.rows]) row.classList.contains("block") ? place(row) : block.push(row);
    place(null);
  }

  function sortable(table) {
    const body = table.tBodies[0];
    const rows = body ? [...body.rows].filter(row => !row.classList.contains("block")) : [];
    if (!table.tHead || rows.length < 2 || rows.some(row => [...row.cells].some(cell => cell.rowSpan > 1 || cell.colSpan > 1))) return;
    const titles = [...table.tHead.rows].find(
      row => row.cells.length === rows[0].cells.length && [...row.cells].every(cell => cell.colSpan === 1)
    );
    for (const title of titles ? titles.cells : []) {
      if (!text(title)) continue;
      const button = document.createElement("button");
      button.title = "Sort by this column";
      button.append(...title.childNodes);
      title.append(button);
      button.addEventListener("click", () => {
        const up = title.getAttribute("aria-sort") === "descending"
          || !title.hasAttribute("aria-sort") && isNaN(number(text(rows[0].cells[title.cellIndex])));
        for (const other of titles.cells) other.removeAttribute("aria-sort");
        title.setAttribute("aria-sort", up ? "ascending" : "descending");
        sort(body, title.cellIndex, up ? 1 : -1);
      });
    }
  }

  for (const table of document.querySelectorAll("main table")) {
    if (!table.closest(".wide")) {
      const frame = document.createElement("div");
      frame.className = "wide";
      table.before(frame);
      frame.append(table);
    }
    sortable(table);
  }

  for (const frame of document.querySelectorAll(".tall")) {
    const button = document.createElement("button");
    button.className = "unfold";
    button.textContent = "Show the whole figure";
    button.addEventListener("click", () => {
      button.textContent = frame.classList.toggle("open") ? "Fold the figure" : "Show the whole figure";
    });
    frame.after(button);
  }

  const menu = document.querySelector("nav details");
  if (menu) menu.open = matchMedia("(min-width: 70rem)").matches;
})();
