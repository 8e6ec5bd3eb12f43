/**
 * Which solids each tile of a picture may show, so that a ray is tested against a few: a solid's corners are projected, and
 * the rows of tiles that its outline crosses are filled between their leftmost and rightmost points.
 */
import { drawnAt, type Lens, type Pose, rayOf, type Vector3 } from "./lens.ts";
import type { Caster, Thing } from "./things.ts";
import type { Solids } from "./solids.ts";

/** Pixels a side of a tile. */
export const TILE = 8;
/** Texels a row of the textures that hold tables. */
export const TABLE_WIDTH = 1024;

/** Pairs of corners (bit 0: +x, bit 1: +z, bit 2: top) that are edges, and the corners round each face. */
const EDGES = [0, 1, 2, 3, 4, 5, 6, 7, 0, 2, 1, 3, 4, 6, 5, 7, 0, 4, 1, 5, 2, 6, 3, 7] as const;
const FACES = [1, 3, 7, 5, 0, 2, 6, 4, 2, 3, 7, 6, 0, 1, 5, 4, 4, 5, 7, 6, 0, 1, 3, 2] as const;

/** Nearer than this nothing is drawn; a little less than the shader's. */
const NEAR = 0.04;

/** A small picture has few tiles, each with many solids. */
const FEWEST_TEXELS = 1 << 15;

const LABELLED = 0;
const SCENERY = 1;
const FOLIAGE = 2;
const CASTER = 3;

/** Lists for pictures of one lens. Made once, filled anew for each picture. */
export class TileLists {
  readonly columns: number;
  readonly rows: number;
  /** The table for the GPU, four floats a texel; see shaders/world/trace.wgsl. */
  readonly table: Float32Array<ArrayBuffer>;
  /** Texels of it in use. */
  used = 0;
  /** What each slot of the coverage counts stands for: indices into the list of things. */
  readonly slots: number[] = [];
  #lens: Lens;
  #bent = false;
  #guard: readonly [number, number] = [1, 1];
  #pad = 0;
  /** Records, in the order they were made: tile, four a tile and group; what to write. */
  #place: Int32Array;
  #what: Float32Array;
  #records = 0;
  readonly #counts: Int32Array;
  readonly #left: Float64Array;
  readonly #right: Float64Array;
  readonly #seen = new Float64Array(24);
  #polygon = new Float64Array(48);
  #clipped = new Float64Array(48);
  readonly #texels: number;
  readonly #casters: Caster[] = [];
  readonly #casterCorners = new Float64Array(24);

  /** @param perTile texels a tile that there is room for, on average. */
  constructor(lens: Lens, perTile = 80) {
    this.#lens = lens;
    this.columns = Math.floor(lens.width / TILE) + 1;
    this.rows = Math.floor(lens.height / TILE) + 1;
    const tiles = this.columns * this.rows;
    this.#texels = Math.ceil(Math.max(tiles * perTile, FEWEST_TEXELS) / TABLE_WIDTH) * TABLE_WIDTH;
    this.table = new Float32Array(this.#texels * 4);
    this.#place = new Int32Array(this.#texels);
    this.#what = new Float32Array(this.#texels * 4);
    this.#counts = new Int32Array(tiles * 4 + 1);
    this.#left = new Float64Array(this.rows);
    this.#right = new Float64Array(this.rows);
    this.lens = lens;
  }

  /** The lens, which may change to another of the same size. */
  set lens(lens: Lens) {
    this.#lens = lens;
    this.#bent = lens.k1 !== 0 || lens.k2 !== 0;
    this.#pad = this.#bent ? 1 : 0.05;
    let [gx, gy] = [0, 0];
    for (let i = 0; i <= 8; i++) {
      const [u, v] = [i / 8 * lens.width, i / 8 * lens.height];
      for (const side of [-2, lens.width + 2]) gx = Math.max(gx, Math.abs(rayOf(lens, side, v)[0]));
      for (const side of [-2, lens.height + 2]) gy = Math.max(gy, Math.abs(rayOf(lens, u, side)[1]));
    }
    this.#guard = [gx * 1.02, gy * 1.02];
  }

  /** Rows of {@linkcode TABLE_WIDTH} texels that the table has. */
  get tableRows(): number {
    return this.#texels / TABLE_WIDTH;
  }

  /**
   * Fills the lists.
   *
   * @param mirrored what a mirror on the ground shows: the world upside down.
   * @param sun towards the sun, for shadows on the ground.
   * @throws {RangeError} if the lists overflow.
   */
  fill(
    things: readonly Thing[],
    visible: Int32Array,
    count: number,
    solids: Solids,
    pose: Pose,
    sun: Vector3,
    mirrored: boolean,
  ): void {
    this.#records = 0;
    this.#counts.fill(0);
    this.slots.length = 0;
    this.#casters.length = 0;
    const flip = mirrored ? -1 : 1;
    const order: { solid: number; near: number }[] = [];
    for (let i = 0; i < count; i++) {
      const index = visible[i]!;
      const thing = things[index]!;
      if (thing.label >= 0) {
        const slot = this.slots.length;
        this.slots.push(index);
        for (let s = thing.first; s < thing.first + thing.count; s++) {
          const near = this.#project(solids.corners, s * 24, pose, flip);
          if (near < Infinity) this.#cover(LABELLED, s, near, slot, 0);
        }
      } else {
        for (let s = thing.first; s < thing.first + thing.count; s++) {
          order.push({ solid: s, near: this.#nearest(solids.corners, s * 24, pose, flip) });
        }
      }
      if (thing.caster && !mirrored) this.#castShadow(thing.caster, pose, sun);
    }
    order.sort((a, b) => a.near - b.near || a.solid - b.solid);
    for (const { solid } of order) {
      const near = this.#project(solids.corners, solid * 24, pose, flip);
      if (near < Infinity) {
        this.#cover(solids.torn[solid] ? FOLIAGE : SCENERY, solid, Math.max(near, 0), 0, 0);
      }
    }
    this.#pack();
  }

  #nearest(corners: Float64Array, at: number, { position, rotation: r }: Pose, flip: number): number {
    let near = Infinity;
    for (let i = at; i < at + 24; i += 3) {
      const depth = r[6]! * (corners[i]! - position[0]) + r[7]! * (flip * corners[i + 1]! - position[1]) +
        r[8]! * (corners[i + 2]! - position[2]);
      if (depth < near) near = depth;
    }
    return near;
  }

  /**
   * Draws the outline of eight corners into the rows' extents.
   *
   * @returns the least depth, or Infinity if nothing of it is before the lens.
   */
  #project(corners: Float64Array, at: number, { position, rotation: r }: Pose, flip: number): number {
    const seen = this.#seen;
    const [gx, gy] = this.#guard;
    let any = 0, all = 31, near = Infinity;
    for (let i = 0; i < 24; i += 3) {
      const a = corners[at + i]! - position[0],
        b = flip * corners[at + i + 1]! - position[1],
        c = corners[at + i + 2]! - position[2];
      const x = r[0]! * a + r[1]! * b + r[2]! * c,
        y = r[3]! * a + r[4]! * b + r[5]! * c,
        z = r[6]! * a + r[7]! * b + r[8]! * c;
      seen[i] = x;
      seen[i + 1] = y;
      seen[i + 2] = z;
      if (z < near) near = z;
      const code = (z < NEAR ? 1 : 0) | (x > gx * z ? 2 : 0) | (x < -gx * z ? 4 : 0) | (y > gy * z ? 8 : 0) |
        (y < -gy * z ? 16 : 0);
      any |= code;
      all &= code;
    }
    if (all !== 0) return Infinity;
    this.#left.fill(Infinity);
    this.#right.fill(-Infinity);
    if (any === 0) {
      for (let e = 0; e < 24; e += 2) this.#edge(seen, EDGES[e]! * 3, seen, EDGES[e + 1]! * 3);
    } else {
      for (let f = 0; f < 24; f += 4) this.#face(f);
    }
    return near;
  }

  /** Clips one face to what the lens sees and draws what is left. */
  #face(f: number): void {
    const seen = this.#seen;
    let [input, output] = [this.#polygon, this.#clipped];
    let size = 4;
    for (let i = 0; i < 4; i++) {
      const corner = FACES[f + i]! * 3;
      for (let k = 0; k < 3; k++) input[i * 3 + k] = seen[corner + k]!;
    }
    const [gx, gy] = this.#guard;
    for (let plane = 0; plane < 5 && size > 0; plane++) {
      const inside = (list: Float64Array, i: number): number => {
        const x = list[i]!, y = list[i + 1]!, z = list[i + 2]!;
        return plane === 0
          ? z - NEAR
          : plane === 1
          ? gx * z - x
          : plane === 2
          ? gx * z + x
          : plane === 3
          ? gy * z - y
          : gy * z + y;
      };
      let left = 0;
      for (let i = 0; i < size; i++) {
        const a = i * 3, b = (i + 1) % size * 3;
        const p = inside(input, a), q = inside(input, b);
        if (p >= 0) {
          for (let k = 0; k < 3; k++) output[left * 3 + k] = input[a + k]!;
          left++;
        }
        if ((p >= 0) !== (q >= 0)) {
          const share = p / (p - q);
          for (let k = 0; k < 3; k++) {
            output[left * 3 + k] = input[a + k]! + (input[b + k]! - input[a + k]!) * share;
          }
          left++;
        }
      }
      size = left;
      [input, output] = [output, input];
    }
    for (let i = 0; i < size; i++) this.#edge(input, i * 3, input, (i + 1) % size * 3);
  }

  #edge(from: Float64Array, a: number, to: Float64Array, b: number): void {
    const lens = this.#lens;
    const az = 1 / from[a + 2]!, bz = 1 / to[b + 2]!;
    const ax = from[a]! * az, ay = from[a + 1]! * az, bx = to[b]! * bz, by = to[b + 1]! * bz;
    if (!this.#bent) {
      const [cx, cy] = lens.centre;
      this.#line(cx + ax * lens.focal, cy + ay * lens.focal, cx + bx * lens.focal, cy + by * lens.focal);
      return;
    }
    const pieces = Math.min(64, Math.ceil(Math.hypot(bx - ax, by - ay) * lens.focal / 20) + 1);
    let last = drawnAt(lens, [ax, ay, 1])!;
    for (let i = 1; i <= pieces; i++) {
      const next = drawnAt(lens, [ax + (bx - ax) * i / pieces, ay + (by - ay) * i / pieces, 1])!;
      this.#line(last[0], last[1], next[0], next[1]);
      last = next;
    }
  }

  /** Widens the rows' extents by a line between two points of the picture. */
  #line(u0: number, v0: number, u1: number, v1: number): void {
    if (v0 > v1) return this.#line(u1, v1, u0, v0);
    const pad = this.#pad;
    const first = Math.max(0, Math.floor((v0 - pad) / TILE));
    const last = Math.min(this.rows - 1, Math.floor((v1 + pad) / TILE));
    const slope = v1 - v0 > 1e-9 ? (u1 - u0) / (v1 - v0) : 0;
    for (let row = first; row <= last; row++) {
      const top = Math.max(v0, row * TILE - pad), low = Math.min(v1, row * TILE + TILE + pad);
      let a = u0 + (top - v0) * slope, b = u0 + (low - v0) * slope;
      if (slope === 0) [a, b] = [u0, u1];
      if (a > b) [a, b] = [b, a];
      if (a < this.#left[row]!) this.#left[row] = a;
      if (b > this.#right[row]!) this.#right[row] = b;
    }
  }

  /** Records what was projected last in all tiles that it covers. */
  #cover(group: number, a: number, b: number, c: number, d: number): void {
    const pad = this.#pad;
    for (let row = 0; row < this.rows; row++) {
      const left = this.#left[row]!;
      if (left === Infinity) continue;
      const first = Math.max(0, Math.floor((left - pad) / TILE));
      const last = Math.min(this.columns - 1, Math.floor((this.#right[row]! + pad) / TILE));
      for (let column = first; column <= last; column++) {
        const place = (row * this.columns + column) * 4 + group;
        const record = this.#records++;
        if (record >= this.#texels) {
          throw new RangeError(
            `Cannot list the solids of a picture: more than ${this.#texels} entries for ${
              this.rows * this.columns
            } tiles; ` +
              `make the lists with more room a tile`,
          );
        }
        this.#place[record] = place;
        this.#what[record * 4] = a;
        this.#what[record * 4 + 1] = b;
        this.#what[record * 4 + 2] = c;
        this.#what[record * 4 + 3] = d;
        this.#counts[place]!++;
      }
    }
  }

  #castShadow(caster: Caster, pose: Pose, sun: Vector3): void {
    const { x, z, cos, sin, halfLength, halfWidth, height, ground } = caster;
    const away = Math.hypot(x - pose.position[0], z - pose.position[2]);
    if (away > 60) return;
    const reach = Math.min(height / Math.max(sun[1], 0.1), 9);
    const corners = this.#casterCorners;
    const margin = 0.25 + 0.3 * height;
    for (let corner = 0; corner < 8; corner++) {
      const a = (corner & 1 ? 1 : -1) * (halfLength + margin),
        b = (corner & 2 ? 1 : -1) * (halfWidth + margin);
      const far = corner & 4 ? reach : 0;
      corners[corner * 3] = x + a * cos - b * sin - sun[0] * far;
      // On a pavement the shadow lies on the road too.
      corners[corner * 3 + 1] = ground > 0.1 ? ground / 2 : 0;
      corners[corner * 3 + 2] = z + a * sin + b * cos - sun[2] * far;
    }
    if (this.#project(corners, 0, pose, 1) === Infinity) return;
    this.#cover(CASTER, this.#casters.length, 0, 0, 0);
    this.#casters.push(caster);
  }

  /** Sorts the records by tile and group into the table. */
  #pack(): void {
    const counts = this.#counts;
    const tiles = this.rows * this.columns;
    const { table } = this;
    let next = tiles * 2;
    for (let tile = 0; tile < tiles; tile++) {
      const at = tile * 8;
      table[at] = next;
      for (let group = 0; group < CASTER; group++) {
        const size = counts[tile * 4 + group]!;
        table[at + 1 + group] = size;
        counts[tile * 4 + group] = next;
        next += size;
      }
      const casters = counts[tile * 4 + CASTER]!;
      table[at + 4] = next;
      table[at + 5] = casters;
      counts[tile * 4 + CASTER] = next;
      next += casters * 2;
    }
    if (next > this.#texels) {
      throw new RangeError(
        `Cannot list the solids of a picture: ${next} texels for ${tiles} tiles, and there is room for ${this.#texels}; ` +
          `make the lists with more room a tile`,
      );
    }
    for (let record = 0; record < this.#records; record++) {
      const place = this.#place[record]!;
      const to = counts[place]! * 4;
      const given = record * 4;
      if ((place & 3) !== CASTER) {
        counts[place]!++;
        for (let k = 0; k < 4; k++) table[to + k] = this.#what[given + k]!;
        continue;
      }
      counts[place]! += 2;
      const { x, z, cos, sin, halfLength, halfWidth, height, ground } = this.#casters[this.#what[given]!]!;
      table[to] = x;
      table[to + 1] = z;
      table[to + 2] = cos;
      table[to + 3] = sin;
      table[to + 4] = halfLength;
      table[to + 5] = halfWidth;
      table[to + 6] = height;
      table[to + 7] = ground;
    }
    this.used = next;
  }
}
