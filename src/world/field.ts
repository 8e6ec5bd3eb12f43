/** Shade and openness over the whole town, cell by cell: swept on the host once a light. */
import type { Bulk } from "./buildings.ts";
import type { Crown, Lamp } from "./furniture.ts";
import type { Vector3 } from "./lens.ts";

/** Cells a side. */
export const FIELD_SIDE = 384;

/** No shade: below all ground. */
const BOTTOM = -1;

/** What shades a town, and the field that says how; see shaders/world/shade.wgsl for the four channels. */
export class Field {
  /** Four floats a cell, row by row from the north, west to east. */
  readonly cells: Float32Array<ArrayBuffer> = new Float32Array(FIELD_SIDE * FIELD_SIDE * 4);
  /** West edge, north edge, cells a metre. */
  readonly place: readonly [west: number, north: number, perMetre: number];
  readonly #heights: Float32Array = new Float32Array(FIELD_SIDE * FIELD_SIDE);
  readonly #crowns: Float32Array = new Float32Array(FIELD_SIDE * FIELD_SIDE);

  /** @param extent west, north, east and south edge in metres; the field is the square that holds them. */
  constructor(
    extent: readonly [number, number, number, number],
    bulks: readonly Bulk[],
    crowns: readonly Crown[],
    lamps: readonly Lamp[],
  ) {
    const [x0, z0, x1, z1] = extent;
    const side = Math.max(x1 - x0, z1 - z0);
    const perMetre = FIELD_SIDE / side;
    this.place = [(x0 + x1 - side) / 2, (z0 + z1 - side) / 2, perMetre];
    for (const { x0, x1, z0, z1, height } of bulks) {
      this.#each(x0, z0, x1, z1, (cell) => this.#heights[cell] = Math.max(this.#heights[cell]!, height));
    }
    for (const { x, z, radius, top } of crowns) {
      this.#each(x - radius, z - radius, x + radius, z + radius, (cell, cx, cz) => {
        const share = ((cx - x) ** 2 + (cz - z) ** 2) / (radius * radius);
        if (share < 1) this.#crowns[cell] = Math.max(this.#crowns[cell]!, top * (1 - 0.35 * share));
      });
    }
    this.#measureOpenness();
    for (const { x, z } of lamps) {
      this.#each(x - 14, z - 14, x + 14, z + 14, (cell, cx, cz) => {
        const square = (cx - x) ** 2 + (cz - z) ** 2;
        this.cells[cell * 4 + 3]! += 1.25 / (1 + square / 7) * Math.max(0, 1 - square / 196);
      });
    }
  }

  #each(
    x0: number,
    z0: number,
    x1: number,
    z1: number,
    body: (cell: number, x: number, z: number) => void,
  ): void {
    const [west, north, perMetre] = this.place;
    const clamp = (value: number): number => Math.min(FIELD_SIDE - 1, Math.max(0, value));
    const first = clamp(Math.ceil((x0 - west) * perMetre - 0.5)),
      last = clamp(Math.floor((x1 - west) * perMetre - 0.5));
    const top = clamp(Math.ceil((z0 - north) * perMetre - 0.5)),
      low = clamp(Math.floor((z1 - north) * perMetre - 0.5));
    for (let row = top; row <= low; row++) {
      for (let column = first; column <= last; column++) {
        body(row * FIELD_SIDE + column, west + (column + 0.5) / perMetre, north + (row + 0.5) / perMetre);
      }
    }
  }

  /** How much of the sky a point of the ground sees, from the steepest height each way; on every fourth cell. */
  #measureOpenness(): void {
    const coarse = FIELD_SIDE / 4;
    const open = new Float32Array(coarse * coarse);
    const perMetre = this.place[2];
    const steps = [2.5, 5, 9, 15, 24];
    for (let row = 0; row < coarse; row++) {
      for (let column = 0; column < coarse; column++) {
        let sum = 0;
        for (let way = 0; way < 8; way++) {
          const [dx, dz] = [Math.cos(way * Math.PI / 4), Math.sin(way * Math.PI / 4)];
          let steepest = 0;
          for (const far of steps) {
            const x = Math.round(column * 4 + 1.5 + dx * far * perMetre);
            const z = Math.round(row * 4 + 1.5 + dz * far * perMetre);
            if (x < 0 || z < 0 || x >= FIELD_SIDE || z >= FIELD_SIDE) continue;
            steepest = Math.max(steepest, this.#heights[z * FIELD_SIDE + x]! / far);
          }
          sum += 1 / (1 + steepest * steepest);
        }
        open[row * coarse + column] = 0.3 + 0.7 * sum / 8;
      }
    }
    for (let row = 0; row < FIELD_SIDE; row++) {
      for (let column = 0; column < FIELD_SIDE; column++) {
        const x = Math.min(coarse - 1.001, Math.max(0, (column - 1.5) / 4)),
          z = Math.min(coarse - 1.001, Math.max(0, (row - 1.5) / 4));
        const [i, j] = [Math.floor(x), Math.floor(z)];
        const [p, q] = [x - i, z - j];
        const at = j * coarse + i;
        this.cells[(row * FIELD_SIDE + column) * 4 + 2] =
          (open[at]! * (1 - p) + open[at + 1]! * p) * (1 - q) +
          (open[at + coarse]! * (1 - p) + open[at + coarse + 1]! * p) * q;
      }
    }
  }

  /** Works out the shade for a sun: each cell takes the shade of the next one towards the sun, less what the sun rises. */
  light(sun: Vector3): void {
    this.#sweep(sun, this.#heights, 0);
    this.#sweep(sun, this.#crowns, 1);
  }

  #sweep(sun: Vector3, heights: Float32Array, channel: number): void {
    const n = FIELD_SIDE;
    const { cells } = this;
    const flat = Math.max(Math.hypot(sun[0], sun[2]), 1e-6);
    const alongX = Math.abs(sun[0]) >= Math.abs(sun[2]);
    const [major, minor] = alongX ? [sun[0], sun[2]] : [sun[2], sun[0]];
    const slope = minor / Math.max(Math.abs(major), 1e-6);
    const drop = Math.sqrt(1 + slope * slope) / this.place[2] * sun[1] / flat;
    const [stepMajor, stepMinor] = alongX ? [1, n] : [n, 1];
    const whole = Math.floor(slope), part = slope - whole;
    const before = new Float32Array(n + 2), now = new Float32Array(n);
    const towards = major > 0 ? 1 : -1;
    before.fill(BOTTOM);
    for (let k = 0; k < n; k++) {
      const line = towards > 0 ? n - 1 - k : k;
      for (let i = 0; i < n; i++) {
        const at = i + whole;
        const a = at >= 0 && at < n ? before[at]! : BOTTOM,
          b = at + 1 >= 0 && at + 1 < n ? before[at + 1]! : BOTTOM;
        now[i] = Math.max(BOTTOM, a * (1 - part) + b * part - drop);
      }
      for (let i = 0; i < n; i++) {
        const cell = line * stepMajor + i * stepMinor;
        cells[cell * 4 + channel] = now[i]!;
        const own = heights[cell]!;
        before[i] = own > now[i]! ? own : now[i]!;
      }
    }
  }
}
