// An entry of a product under the pointer or the focus shows what made it: a row of the left, a column of the right.
const sides = ["left", "right", "result"];

function part(equation, name) {
  const element = equation.querySelector(`[data-part="${name}"]`);
  return element && { element, canvas: element.querySelector("canvas") || (element.matches("canvas") ? element : null) };
}

function rowsOf(side) {
  return Number(side.element.dataset.rows);
}

function columnsOf(side) {
  return Number(side.element.dataset.columns);
}

function cell(side, row, column) {
  return side.element.querySelector(`[data-entry="${row},${column}"]`);
}

function reduced(side) {
  const heat = side.canvas && grid(side.canvas);
  return heat && (heat.height !== heat.rows || heat.width !== heat.columns);
}

function value(side, row, column) {
  if (!side.canvas) return Number(cell(side, row, column).dataset.value);
  const heat = grid(side.canvas);
  const [i, j] = [Math.floor((row * heat.height) / heat.rows), Math.floor((column * heat.width) / heat.columns)];
  return ((heat.bytes[i * heat.width + j] - 128) / 127) * heat.scale;
}

function shown(number) {
  const text = number !== 0 && Math.abs(number) < 1e-3 ? number.toExponential(2) : number.toPrecision(3);
  return text.replace("-", "−");
}

function clear(equation) {
  equation.querySelectorAll(".lit, .made").forEach((element) => element.classList.remove("lit", "made"));
  equation.querySelectorAll("canvas").forEach((canvas) => paint(canvas));
}

function light(side, row, column, name = "lit") {
  if (!side) return;
  if (side.canvas) {
    const heat = grid(side.canvas);
    const [i, j] = [Math.floor((row * heat.height) / heat.rows), Math.floor((column * heat.width) / heat.columns)];
    frame(side.canvas, row < 0 ? -1 : i, column < 0 ? -1 : j, name === "made");
    return;
  }
  for (let i = row < 0 ? 0 : row; i < (row < 0 ? rowsOf(side) : row + 1); i++)
    for (let j = column < 0 ? 0 : column; j < (column < 0 ? columnsOf(side) : column + 1); j++) cell(side, i, j).classList.add(name);
}

function explain(equation, row, column) {
  const [left, right, result] = sides.map((name) => part(equation, name));
  clear(equation);
  light(left, row, -1);
  light(right, -1, column);
  light(result, row, column, "made");
  equation.parentElement.querySelector(".readout").textContent = account(left, right, result, row, column);
}

// The entry in words: its terms in full where they are few, else the largest of them.
function account(left, right, result, row, column) {
  const about = [left, right, result].some((side) => side && side.canvas) ? "≈" : "=";
  const name = `${say("entry", { row: row + 1, column: column + 1 })} ${about} ${shown(value(result, row, column))}`;
  if (!left || !right) return name;
  // A cell that stands for several entries gives the largest of them: sums of those would be wrong.
  if ([left, right, result].some(reduced)) return `${name}; ${say("reduced")}`;
  const count = columnsOf(left);
  const terms = Array.from({ length: count }, (_, k) => [value(left, row, k), value(right, k, column)]);
  const kept = terms.filter(([a, b]) => a !== 0 && b !== 0).sort((a, b) => Math.abs(b[0] * b[1]) - Math.abs(a[0] * a[1]));
  const sign = (a, first) => (first ? (a < 0 ? "−" : "") : a < 0 ? " − " : " + ");
  const few = kept.slice(0, 6).map(([a, b], i) => `${sign(a, !i)}${shown(Math.abs(a))} × ${b < 0 ? `(${shown(b)})` : shown(b)}`);
  if (!kept.length) return `${name}: ${say("zero")}`;
  const more = kept.length > few.length ? ` + … (${say("more", { count: kept.length })})` : "";
  return `${name} = ${few.join("")}${more}`;
}

function place(canvas, event) {
  const heat = grid(canvas);
  const box = canvas.getBoundingClientRect();
  const at = (position, start, length, count) => Math.min(count - 1, Math.max(0, Math.floor(((position - start) / length) * count)));
  return [at(event.clientY, box.top, box.height, heat.rows), at(event.clientX, box.left, box.width, heat.columns)];
}

const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

document.querySelectorAll("[data-product]").forEach((equation) => {
  const result = part(equation, "result");
  if (!result) return; // too large to be drawn
  let at = [0, 0];
  const show = (row, column) => explain(equation, ...(at = [row, column]));
  const target = result.canvas || result.element;
  const entry = (event) => event.target.closest("[data-entry]");
  const read = (event) => entry(event) && show(...entry(event).dataset.entry.split(",").map(Number));
  if (result.canvas) {
    target.addEventListener("pointermove", (event) => show(...place(target, event)));
    target.addEventListener("focus", () => show(...at));
  } else {
    cell(result, 0, 0).setAttribute("tabindex", "0");
    target.addEventListener("pointerover", read);
    target.addEventListener("focusin", read);
  }
  target.addEventListener("pointerleave", () => clear(equation));
  target.addEventListener("focusout", () => clear(equation));
  target.addEventListener("keydown", (event) => {
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    event.stopPropagation();
    const next = [at[0] + move[0], at[1] + move[1]];
    if (next[0] < 0 || next[1] < 0 || next[0] >= rowsOf(result) || next[1] >= columnsOf(result)) return;
    if (result.canvas) return show(...next);
    cell(result, ...at).setAttribute("tabindex", "-1");
    cell(result, ...next).setAttribute("tabindex", "0");
    cell(result, ...next).focus();
  });
});
