"use strict";
// The chosen voxel: its spectrum, its numbers and what to think of them.
const residualShare = 0.24; // of the height of the drawing
const edge = { left: 8, right: 8, bottom: 34 };

function curvesOf(row) {
  const position = row < 0 ? -1 : curveOf[row];
  if (position < 0) return null;
  const points = page.ppm.length, all = data.curves.subarray(3 * points * position, 3 * points * (position + 1));
  const values = (k) => Float64Array.from(all.subarray(k * points, (k + 1) * points),
    (level) => level === -32768 ? NaN : level * data.scale[position]);
  const curves = { data: values(0), fit: values(1), baseline: values(2) };
  curves.residual = curves.data.map((value, k) => value - curves.fit[k]);
  return curves;
}

function range(lists) {
  let low = Infinity, high = -Infinity;
  for (const list of lists) {
    for (const value of list) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low < high ? [low, high] : [Math.min(low, 0) || -1, Math.max(high, 0) || 1];
}

// Height that most spectra reach, for a common scale: the 95th percentile of their largest values.
const commonHeight = (() => {
  const largest = Float32Array.from(data.scale, (step) => step * 32767).sort();
  return largest.length ? largest[Math.floor(0.95 * (largest.length - 1))] : 1;
})();

function ppmAt(x, width) {
  const first = page.ppm[0], last = page.ppm[page.ppm.length - 1];
  return first + (last - first) * (x - edge.left) / (width - edge.left - edge.right);
}

function drawSpectrum(canvas, row, zoom, same) {
  const width = canvas.clientWidth, height = canvas.clientHeight, context = prepared(canvas, width, height);
  const curves = curvesOf(row);
  if (!curves || page.ppm.length < 2) return;
  const inside = width - edge.left - edge.right, floor = height - edge.bottom, split = residualShare * height;
  const first = page.ppm[0], last = page.ppm[page.ppm.length - 1];
  const xOf = (ppm) => edge.left + inside * (first - ppm) / (first - last);
  const [low, high] = same ? [-0.15 * commonHeight, commonHeight] : range([curves.data, curves.fit, curves.baseline]);
  const perUnit = 0.92 * (floor - split) / (high - low);
  const ground = Math.max(low, 0); // what stays in place when zoomed
  const base = floor - 0.04 * (floor - split) - perUnit * (ground - low);
  const yOf = (value) => base - zoom * perUnit * (value - ground);
  const band = (top, bottom, draw) => {
    context.save();
    context.beginPath();
    context.rect(edge.left, top, inside, bottom - top);
    context.clip();
    draw();
    context.restore();
  };
  const trace = (values, y, ink, thick) => {
    context.strokeStyle = ink;
    context.lineWidth = thick;
    context.lineJoin = "round";
    context.beginPath();
    let down = false;
    values.forEach((value, k) => {
      if (Number.isFinite(value)) down ? context.lineTo(xOf(page.ppm[k]), y(value)) : context.moveTo(xOf(page.ppm[k]), y(value));
      down = Number.isFinite(value);
    });
    context.stroke();
  };
  context.strokeStyle = style("rule");
  context.lineWidth = 1;
  for (const y of [split / 2, yOf(ground)]) {
    context.beginPath();
    context.moveTo(edge.left, y);
    context.lineTo(edge.left + inside, y);
    context.stroke();
  }
  band(0, split, () => trace(curves.residual, (value) => split / 2 - zoom * perUnit * value, style("data"), 0.8));
  band(split, floor, () => {
    trace(curves.data, yOf, style("data"), 1);
    trace(curves.fit, yOf, style("fit"), 1.6);
    trace(curves.baseline, yOf, style("baseline"), 1.4);
  });
  context.fillStyle = context.strokeStyle = style("ink");
  context.lineWidth = 1;
  context.textBaseline = "top";
  context.textAlign = "center";
  context.beginPath();
  context.moveTo(edge.left, floor);
  context.lineTo(edge.left + inside, floor);
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20].find((size) => (first - last) / size <= Math.max(inside / 60, 2)) || 50;
  for (let k = Math.ceil(last / step); k * step <= first; k++) {
    context.moveTo(xOf(k * step), floor);
    context.lineTo(xOf(k * step), floor + 4);
    context.fillText(inDigits(k * step, 6), Math.min(Math.max(xOf(k * step), 12), width - 12), floor + 5);
  }
  context.stroke();
  context.fillText("chemical shift (ppm)", edge.left + inside / 2, floor + 19);
  context.textAlign = "left";
  let x = edge.left;
  const word = (text, y, ink) => { // on a ground of its own, so that curves do not hide it
    const lead = ink ? 22 : 2, wide = lead + context.measureText(text).width + 8;
    context.fillStyle = style("paper");
    context.fillRect(x, y, wide, 16);
    context.fillStyle = ink || style("ink");
    if (ink) context.fillRect(x + 2, y + 6, 16, 3);
    context.fillStyle = style("ink");
    context.fillText(text, x + lead, y + 2);
    return wide;
  };
  word("residual", 0, "");
  for (const name of ["data", "fit", "baseline"]) x += word(name, split, style(name));
}

function pointUnder(canvas, row, event) {
  const curves = curvesOf(row);
  if (!curves) return "\u00a0";
  const corner = canvas.getBoundingClientRect(), ppm = ppmAt(event.clientX - corner.left, corner.width);
  const step = (page.ppm[0] - page.ppm[page.ppm.length - 1]) / (page.ppm.length - 1);
  const k = Math.round((page.ppm[0] - ppm) / step);
  if (k < 0 || k >= page.ppm.length) return "\u00a0";
  const parts = ["data", "fit", "baseline", "residual"].map((name) => `${name} ${inDigits(curves[name][k]) || "–"}`);
  return `${page.ppm[k].toFixed(3)} ppm: ${parts.join(", ")}`;
}

function element(kind, text, className = "") {
  const made = document.createElement(kind);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

const columnTitles = { amplitude: "amplitude", concentration_mm: "concentration (mM)", crlb_percent: "CRLB (%)" };

function fillTable(table, row) {
  table.replaceChildren();
  const position = row < 0 ? -1 : tableOf[row], tcr = page.names.indexOf("tCr");
  if (position < 0) return;
  const count = page.names.length, stride = numberRows.length * count;
  const number = (column, k) => data.numbers[page.columns.indexOf(column) * stride + position * count + k];
  const columns = page.columns.filter((column) => column !== "crlb_percent");
  const head = table.insertRow();
  head.append(element("th", "metabolite"), ...columns.map((column) => element("th", columnTitles[column], "n")));
  if (tcr >= 0) head.append(element("th", "ratio to tCr", "n"));
  head.append(element("th", "CRLB (%)", "n"), element("th", ""));
  page.names.forEach((name, k) => {
    const line = table.insertRow(), crlb = number("crlb_percent", k), whole = number("amplitude", tcr);
    const poor = !(crlb <= page.poorPercent), weak = !(crlb <= page.weakPercent);
    line.className = [k < page.nSums ? "sum" : k === page.nSums && k ? "gap" : "", poor ? "poor" : weak ? "weak" : ""].join(" ");
    line.append(element("td", name), ...columns.map((column) => element("td", inDigits(number(column, k)), "n")));
    if (tcr >= 0) line.append(element("td", whole > 0 ? inDigits(number("amplitude", k) / whole, 3) : "", "n"));
    const percent = Number.isFinite(crlb) ? crlb.toFixed(crlb >= 10 ? 0 : 1) : "";
    line.append(element("td", percent, "n"), element("td", poor ? "not reliable" : ""));
  });
}

function fillAlarms(box, row) {
  box.replaceChildren();
  if (row < 0) return;
  const raised = page.flags.filter((flag, bit) => (data.flags[row] >>> bit) & 1);
  for (const flag of raised) {
    const lead = flag.severe ? "Do not use these numbers: " : "With care: ";
    box.append(element("p", lead + flag.meaning + ".", flag.severe ? "alarm" : "warn"));
  }
  if (data.marked[row] && !raised.some((flag) => flag.severe)) box.append(element("p", page.statuses[data.status[row]], "alarm"));
}

// The nearest voxel of this spectrum whose curves are on the page.
function nearest(voxel, spectrum) {
  let best = null, least = Infinity;
  for (const row of curveRows) {
    const place = placeOf(row);
    const far = place.voxel.reduce((sum, index, axis) => sum + (index - voxel[axis]) ** 2, 0) + 1e6 * (place.spectrum !== spectrum);
    if (far < least) [best, least] = [place, far];
  }
  return best;
}
