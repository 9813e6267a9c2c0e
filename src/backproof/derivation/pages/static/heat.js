// Paints every canvas from its bytes, and again when the colours change.
const heats = JSON.parse(document.getElementById("heats").textContent);
const spoken = JSON.parse(document.getElementById("spoken").textContent);
const bytes = new Map();
const ROOM = 256; // pixels for the longer side

// A sentence of the page's language, its [places] filled.
function say(name, values = {}) {
  return spoken[name].replace(/\[(\w+)\]/g, (place, key) => (key in values ? values[key] : place));
}

function grid(canvas) {
  const heat = heats[canvas.dataset.heat];
  if (!bytes.has(heat)) bytes.set(heat, Uint8Array.from(atob(heat.data), (sign) => sign.charCodeAt(0)));
  return { ...heat, bytes: bytes.get(heat) };
}

function colour(name) {
  const text = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((start) => parseInt(text.length === 4 ? text[(start + 1) / 2].repeat(2) : text.slice(start, start + 2), 16));
}

function palette() {
  const [cold, zero, warm] = ["--cold", "--zero", "--warm"].map(colour);
  return Array.from({ length: 256 }, (_, step) => {
    const part = Math.max(-1, (step - 128) / 127);
    // The root spreads small entries, of which most matrices are full.
    const strength = Math.sqrt(Math.abs(part));
    const end = part < 0 ? cold : warm;
    return zero.map((start, i) => Math.round(start + (end[i] - start) * strength));
  });
}

function size(canvas, heat) {
  const across = Math.max(2, Math.min(22, Math.floor(ROOM / heat.width)));
  const down = heat.height === 1 ? 22 : Math.max(2, Math.min(22, Math.floor(ROOM / heat.height)));
  const thin = heat.width === 1 ? 22 : across;
  const square = heat.height === 1 || heat.width === 1 ? [thin, down] : [Math.min(across, down), Math.min(across, down)];
  canvas.width = heat.width * square[0];
  canvas.height = heat.height * square[1];
}

function paint(canvas, colours = palette()) {
  const heat = grid(canvas);
  size(canvas, heat);
  const small = document.createElement("canvas");
  small.width = heat.width;
  small.height = heat.height;
  const image = new ImageData(heat.width, heat.height);
  heat.bytes.forEach((step, i) => image.data.set([...colours[step], 255], 4 * i));
  small.getContext("2d").putImageData(image, 0, 0);
  const pen = canvas.getContext("2d");
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, 0, 0, canvas.width, canvas.height);
}

// Frames a block of cells; row or column -1 stands for all of them.
function frame(canvas, row, column, strong) {
  const heat = grid(canvas);
  const [wide, high] = [canvas.width / heat.width, canvas.height / heat.height];
  const pen = canvas.getContext("2d");
  pen.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue(strong ? "--delta" : "--ink");
  pen.lineWidth = 2;
  pen.strokeRect(
    column < 0 ? 1 : column * wide, row < 0 ? 1 : row * high,
    column < 0 ? canvas.width - 2 : wide, row < 0 ? canvas.height - 2 : high,
  );
}

function paintAll() {
  const colours = palette();
  document.querySelectorAll("canvas[data-heat]").forEach((canvas) => paint(canvas, colours));
}

document.documentElement.classList.add("scripted");
paintAll();
for (const question of ["(prefers-color-scheme: dark)", "print"]) matchMedia(question).addEventListener("change", paintAll);
