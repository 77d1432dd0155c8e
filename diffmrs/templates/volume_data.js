"use strict";
// What the page holds, unpacked: names from JSON, numbers from base64 (little-endian).
const page = JSON.parse(document.getElementById("page").textContent);

function unpacked(name) {
  const text = atob(document.getElementById("data-" + name).textContent);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes.buffer;
}

// Numbers rounded to the upper half of a float32.
function widened(buffer) {
  const halves = new Uint16Array(buffer), bits = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) bits[i] = halves[i] * 65536;
  return new Float32Array(bits.buffer);
}

// Position of each row in a list of rows, -1 where it is not in the list.
function positions(rows, count) {
  const found = new Int32Array(count).fill(-1);
  rows.forEach((row, k) => { found[row] = k; });
  return found;
}

const data = {
  cells: new Int32Array(unpacked("cells")), // voxel and spectrum of each row
  flags: new Uint32Array(unpacked("flags")),
  status: new Uint8Array(unpacked("status")),
  marked: new Uint8Array(unpacked("marked")),
  maps: page.mapBytes === 4 ? new Float32Array(unpacked("maps")) : widened(unpacked("maps")), // [maps, rows]
  numbers: new Float32Array(unpacked("numbers")), // [columns, tables, names]
  curves: new Int16Array(unpacked("curves")), // [curves, 3, window]
  scale: new Float32Array(unpacked("scale")),
  viridis: new Uint8Array(unpacked("viridis")),
};
const nRows = data.cells.length;
const numberRows = new Int32Array(unpacked("number_rows")), curveRows = new Int32Array(unpacked("curve_rows"));
const tableOf = positions(numberRows, nRows), curveOf = positions(curveRows, nRows);
const rowOf = positions(data.cells, page.shape[0] * page.shape[1] * page.shape[2] * page.nExtra);

function inVolume(voxel) {
  return voxel.every((index, axis) => Number.isInteger(index) && index >= 0 && index < page.shape[axis]);
}

// Row of a voxel and a spectrum, -1 when it was not fitted or is not on the page.
function rowAt(voxel, spectrum) {
  if (!inVolume(voxel) || spectrum < 0 || spectrum >= page.nExtra) return -1;
  return rowOf[((voxel[0] * page.shape[1] + voxel[1]) * page.shape[2] + voxel[2]) * page.nExtra + spectrum];
}

function placeOf(row) {
  const spectrum = data.cells[row] % page.nExtra;
  let rest = (data.cells[row] - spectrum) / page.nExtra;
  const z = rest % page.shape[2];
  rest = (rest - z) / page.shape[2];
  return { voxel: [(rest - rest % page.shape[1]) / page.shape[1], rest % page.shape[1], z], spectrum };
}

function mapValue(map, row) { return row < 0 ? NaN : data.maps[map * nRows + row]; }

function inDigits(value, digits = 4) {
  return Number.isFinite(value) ? String(Number(value.toPrecision(digits))) : "";
}

function mapText(map, value) {
  const one = page.maps[map];
  if (!Number.isFinite(value)) return "no value";
  return one.labels.length ? one.labels[value] : [inDigits(value), one.unit].filter(Boolean).join(" ");
}

function style(name) { return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim(); }

// A canvas of that size in CSS pixels, sharp on screens with more.
function prepared(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.font = "12px system-ui, sans-serif";
  return context;
}
