"use strict";
// The maps: small ones to choose a quantity, a large one to choose a voxel.
const view = page.view;
const margin = 16; // around the large map, for the letters of the patient's sides

// The part of each slice with fitted voxels, and one voxel around it.
const extent = (() => {
  const span = (axis) => {
    let low = Infinity, high = -1;
    for (let row = 0; row < nRows; row++) {
      const index = placeOf(row).voxel[axis];
      low = Math.min(low, index);
      high = Math.max(high, index);
    }
    return [Math.max(low - 1, 0), Math.min(high + 1, page.shape[axis] - 1)];
  };
  return { across: span(view.across), down: span(view.down) };
})();
const nColumns = extent.across[1] - extent.across[0] + 1, nLines = extent.down[1] - extent.down[0] + 1;

// Voxel at a column and a line of a slice as it lies on screen, and back.
function voxelAt(column, line, slice) {
  const voxel = [0, 0, 0];
  voxel[view.across] = view.flipAcross ? extent.across[1] - column : extent.across[0] + column;
  voxel[view.down] = view.flipDown ? extent.down[1] - line : extent.down[0] + line;
  voxel[view.through] = slice;
  return voxel;
}
function columnOf(voxel) {
  return view.flipAcross ? extent.across[1] - voxel[view.across] : voxel[view.across] - extent.across[0];
}
function lineOf(voxel) {
  return view.flipDown ? extent.down[1] - voxel[view.down] : voxel[view.down] - extent.down[0];
}

function rgb(hex) { return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)); }

function colour(map, value, limits, empty) {
  if (!Number.isFinite(value)) return empty;
  if (page.maps[map].labels.length) return rgb(page.kinds[value]);
  const level = Math.round(255 * Math.min(Math.max((value - limits[0]) / (limits[1] - limits[0]), 0), 1));
  return data.viridis.subarray(3 * level, 3 * level + 3);
}

// One slice of one quantity, a point per voxel.
function picture(map, slice, spectrum, limits) {
  const canvas = document.createElement("canvas");
  canvas.width = nColumns;
  canvas.height = nLines;
  const context = canvas.getContext("2d"), image = context.createImageData(nColumns, nLines);
  const empty = rgb(style("empty"));
  for (let line = 0; line < nLines; line++) {
    for (let column = 0; column < nColumns; column++) {
      const value = mapValue(map, rowAt(voxelAt(column, line, slice), spectrum));
      image.data.set([...colour(map, value, limits, empty), 255], 4 * (line * nColumns + column));
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

// Sizes of a voxel on screen.
function voxelSize(canvas) {
  const room = Math.max(canvas.parentElement.clientWidth - 100, 160);
  const width = Math.min((room - 2 * margin) / nColumns, 420 / (nLines * view.aspect), 48);
  return { width, height: width * view.aspect };
}

function drawMap(canvas, state, limits, strike, dots) {
  const size = voxelSize(canvas), width = size.width * nColumns, height = size.height * nLines;
  canvas.style.width = width + 2 * margin + "px";
  canvas.style.height = height + 2 * margin + "px";
  const context = prepared(canvas, width + 2 * margin, height + 2 * margin);
  context.imageSmoothingEnabled = false;
  context.drawImage(picture(state.map, state.slice, state.spectrum, limits), margin, margin, width, height);
  const box = (column, line) => [margin + column * size.width, margin + line * size.height];
  if (strike) {
    for (const [ink, thick] of [["#fff", 2.4], ["#000", 1]]) {
      context.strokeStyle = ink;
      context.lineWidth = thick;
      context.beginPath();
      for (let line = 0; line < nLines; line++) {
        for (let column = 0; column < nColumns; column++) {
          const row = rowAt(voxelAt(column, line, state.slice), state.spectrum);
          if (row < 0 || !data.marked[row]) continue;
          const [x, y] = box(column, line);
          context.moveTo(x + 0.1 * size.width, y + 0.9 * size.height);
          context.lineTo(x + 0.9 * size.width, y + 0.1 * size.height);
        }
      }
      context.stroke();
    }
  }
  for (let place = 0; dots && place < nLines * nColumns; place++) { // voxels whose spectra are on the page
    const column = place % nColumns, line = (place - column) / nColumns;
    const row = rowAt(voxelAt(column, line, state.slice), state.spectrum);
    if (row < 0 || curveOf[row] < 0) continue;
    const [x, y] = box(column + 0.5, line + 0.5);
    for (const [ink, size] of [["#fff", 2], ["#000", 1]]) {
      context.fillStyle = ink;
      context.fillRect(x - size, y - size, 2 * size, 2 * size);
    }
  }
  if (state.voxel && state.voxel[view.through] === state.slice) {
    const [x, y] = box(columnOf(state.voxel), lineOf(state.voxel));
    for (const [ink, thick] of [["#fff", 4], ["#d00000", 2]]) {
      context.strokeStyle = ink;
      context.lineWidth = thick;
      context.strokeRect(x, y, size.width, size.height);
    }
  }
  context.fillStyle = style("ink");
  context.textAlign = "center";
  context.textBaseline = "middle";
  const middle = [margin + width / 2, margin + height / 2], ends = [2 * margin + width - 7, 2 * margin + height - 7];
  const places = [[7, middle[1]], [ends[0], middle[1]], [middle[0], 7], [middle[0], ends[1]]];
  [...view.letters].forEach((letter, k) => context.fillText(letter, ...places[k]));
}

// Voxel under a pointer, or nothing.
function pointed(canvas, event, slice) {
  const size = voxelSize(canvas), corner = canvas.getBoundingClientRect();
  const column = Math.floor((event.clientX - corner.left - margin) / size.width);
  const line = Math.floor((event.clientY - corner.top - margin) / size.height);
  return column >= 0 && line >= 0 && column < nColumns && line < nLines ? voxelAt(column, line, slice) : null;
}

function drawBar(canvas, map, limits, height) {
  const one = page.maps[map], width = 84, top = margin, tall = height - 2 * margin;
  canvas.style.width = width + "px";
  canvas.style.height = height + "px";
  const context = prepared(canvas, width, height);
  context.textBaseline = "middle";
  const ink = style("ink");
  if (one.labels.length) {
    one.labels.forEach((label, k) => {
      context.fillStyle = page.kinds[k];
      context.fillRect(0, top + 22 * k, 12, 16);
      context.fillStyle = ink;
      context.fillText(label, 18, top + 22 * k + 8);
    });
    return;
  }
  for (let level = 0; level < 256; level++) {
    context.fillStyle = `rgb(${data.viridis.subarray(3 * level, 3 * level + 3).join(",")})`;
    context.fillRect(0, top + tall * (255 - level) / 256, 12, tall / 256 + 1);
  }
  context.fillStyle = ink;
  for (let k = 0; k <= 4; k++) {
    const value = limits[0] + (limits[1] - limits[0]) * k / 4;
    context.fillText(inDigits(value, 3), 18, top + tall * (1 - k / 4));
  }
}
