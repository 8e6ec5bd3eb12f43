/**
 * A camera that goes round and round before a painted wall: the same frames for the same seed, at next to no cost.
 *
 * @module
 */
import { Random } from "../../tests/support/random.ts";
import type { Frame, FrameSource, SourceInfo } from "../../src/frame/frame.ts";

/** Width of a frame. */
export const TOUR_WIDTH = 640;
/** Height of a frame. */
export const TOUR_HEIGHT = 480;
/** Frames of one round; frame n and frame n + LAP look at nearly the same part of the wall. */
export const LAP = 400;

const WALL_WIDTH = 2048;
const WALL_HEIGHT = 1024;

/** The wall and the way of the camera. */
export class Tour {
  readonly #wall: Uint8Array;
  readonly #random: Random;
  readonly #jitter: readonly (readonly [number, number])[];

  /** @param frames how many frames can be asked for. */
  constructor(frames: number, seed = 7) {
    this.#random = new Random(seed);
    this.#wall = paint(this.#random);
    this.#jitter = Array.from({ length: frames }, () => [this.#random.int(-2, 2), this.#random.int(-2, 2)]);
  }

  /** Writes frame `index`, one byte a pixel. */
  draw(index: number, target: Uint8Array): void {
    const [dx, dy] = this.#jitter[index]!;
    const turn = index % LAP / LAP * 2 * Math.PI;
    const [roomX, roomY] = [(WALL_WIDTH - TOUR_WIDTH) / 2 - 2, (WALL_HEIGHT - TOUR_HEIGHT) / 2 - 2];
    const left = Math.round(roomX * (1 + Math.cos(turn))) + 2 + dx;
    const top = Math.round(roomY * (1 + Math.sin(turn))) + 2 + dy;
    for (let y = 0; y < TOUR_HEIGHT; y++) {
      const from = (top + y) * WALL_WIDTH + left;
      target.set(this.#wall.subarray(from, from + TOUR_WIDTH), y * TOUR_WIDTH);
    }
  }
}

/** Rectangles over rectangles, and a little grain. */
function paint(random: Random): Uint8Array {
  const wall = new Uint8Array(WALL_WIDTH * WALL_HEIGHT).fill(128);
  for (let i = 0; i < 900; i++) {
    const [width, height] = [random.int(12, 220), random.int(12, 160)];
    const [x, y] = [random.int(0, WALL_WIDTH - width), random.int(0, WALL_HEIGHT - height)];
    const level = random.int(10, 245);
    for (let row = y; row < y + height; row++) {
      wall.fill(level, row * WALL_WIDTH + x, row * WALL_WIDTH + x + width);
    }
  }
  return wall.map((level) => Math.min(255, Math.max(0, level + random.int(-6, 6))));
}

/** The tour as a source for the frame loop, with a fixed number of frame buffers. */
export class TourSource implements FrameSource {
  readonly info: SourceInfo;
  readonly #tour: Tour;
  readonly #frames: number;
  readonly #free: Uint8Array<ArrayBuffer>[];

  /** @param buffers how many frames may be held at once. */
  constructor(frames: number, buffers: number) {
    this.#tour = new Tour(frames);
    this.#frames = frames;
    this.#free = Array.from({ length: buffers }, () => new Uint8Array(TOUR_WIDTH * TOUR_HEIGHT));
    this.info = { name: "tour", width: TOUR_WIDTH, height: TOUR_HEIGHT, frameCount: frames };
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Frame> {
    for (let index = 0; index < this.#frames; index++) {
      const data = this.#free.pop();
      if (!data) throw new Error(`Cannot draw frame ${index}: every buffer is held; give the source more`);
      this.#tour.draw(index, data);
      let released = false;
      yield {
        index,
        timeSeconds: index / 30,
        width: TOUR_WIDTH,
        height: TOUR_HEIGHT,
        format: "gray8",
        colour: { matrix: "bt601", range: "full" },
        data,
        release: () => {
          if (!released) this.#free.push(data);
          released = true;
        },
      };
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
