/**
 * A camera that goes round a painted wall: small frames whose loops are known.
 *
 * @module
 */
import type { Frame, FrameSource, SourceInfo } from "../../src/frame/mod.ts";
import type { PlaceFrame } from "../../src/place/mod.ts";
import { Random } from "./random.ts";

/** Width and height of a frame. */
export const WALK_WIDTH = 192;
export const WALK_HEIGHT = 144;
/** Frame n and frame n + WALK_LAP look at the same part of the wall, a few pixels beside. */
export const WALK_LAP = 24;

/** Pixels from one frame to the next. */
const STEP = 72;
const WALL_WIDTH = WALK_LAP * STEP;
/** Room for the camera to tremble. */
const MARGIN = 4;
const WALL_HEIGHT = WALK_HEIGHT + 2 * MARGIN;

/** The wall, painted by chance. */
export class Walk {
  readonly #wall: Uint8Array;
  readonly #seed: number;

  constructor(seed = 1) {
    this.#seed = seed;
    const random = new Random(seed);
    this.#wall = new Uint8Array(WALL_WIDTH * WALL_HEIGHT).fill(110);
    for (let i = 0; i < 900; i++) {
      const [width, height, level] = [random.int(6, 70), random.int(6, 50), random.int(5, 250)];
      const [x, y] = [random.int(0, WALL_WIDTH - 1), random.int(-20, WALL_HEIGHT - 1)];
      for (let row = Math.max(y, 0); row < Math.min(y + height, WALL_HEIGHT); row++) {
        for (let column = x; column < x + width; column++) {
          this.#wall[row * WALL_WIDTH + column % WALL_WIDTH] = level;
        }
      }
    }
  }

  /** Frame `index`, of `gray8`. The same for the same seed. */
  frame(index: number): PlaceFrame {
    const random = new Random(this.#seed * 1000 + index);
    const left = (index % WALK_LAP) * STEP + random.int(0, MARGIN) + WALL_WIDTH;
    const top = random.int(0, 2 * MARGIN);
    const data = new Uint8Array(WALK_WIDTH * WALK_HEIGHT);
    for (let y = 0; y < WALK_HEIGHT; y++) {
      for (let x = 0; x < WALK_WIDTH; x++) {
        data[y * WALK_WIDTH + x] = this.#wall[(top + y) * WALL_WIDTH + (left + x) % WALL_WIDTH]! +
          random.int(-3, 3);
      }
    }
    return { width: WALK_WIDTH, height: WALK_HEIGHT, format: "gray8", data, timeSeconds: index / 10 };
  }

  /** The first frames. */
  frames(count: number): PlaceFrame[] {
    return Array.from({ length: count }, (_, index) => this.frame(index));
  }
}

/** Frames out of a list. */
export class FrameList implements FrameSource {
  readonly info: SourceInfo = { name: "list" };
  readonly #frames: readonly PlaceFrame[];

  constructor(frames: readonly PlaceFrame[]) {
    this.#frames = frames;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Frame> {
    for (const [index, frame] of this.#frames.entries()) {
      yield {
        colour: { matrix: "bt601", range: "full" },
        index,
        timeSeconds: 0,
        release: () => {},
        ...frame,
      };
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
