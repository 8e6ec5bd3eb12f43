/** The drawn street as a source of frames. */
import type { Frame, FrameColour, FrameSource, SourceInfo } from "../frame/frame.ts";
import { Canvas } from "./canvas.ts";
import { SCENE_FRAME_RATE, SCENE_HEIGHT, SCENE_WIDTH, StreetScene, type TrueObject } from "./scene.ts";

/** What to draw. */
export interface SceneOptions {
  /** Which street; 1 unless told. */
  readonly seed?: number;
  /** How many frames; 250 (ten seconds) unless told. */
  readonly frames?: number;
  /** How many frames may be held at once; 8 unless told. */
  readonly buffers?: number;
}

const COLOUR: FrameColour = { matrix: "bt709", range: "full" };

/**
 * Frames of a drawn street, `rgb24`, drawn as they are asked for.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const source = new SceneSource({ seed: 3, frames: 2 });
 * let frames = 0;
 * for await (const frame of source) {
 *   assertEquals(frame.data.length, 768 * 432 * 3);
 *   assertEquals(source.truth(frame.index).length > 0, true);
 *   frame.release();
 *   frames++;
 * }
 * assertEquals(frames, 2);
 * ```
 */
export class SceneSource implements FrameSource {
  readonly info: SourceInfo;
  readonly #scene: StreetScene;
  readonly #canvas: Canvas = new Canvas(SCENE_WIDTH, SCENE_HEIGHT);
  readonly #frames: number;
  readonly #free: Uint8Array<ArrayBuffer>[] = [];
  readonly #truths: (readonly TrueObject[])[] = [];
  #iterated = false;
  #closed = false;
  #wake: () => void = () => {};

  /** @throws {RangeError} if `frames` or `buffers` is not a whole number from 1 on */
  constructor({ seed = 1, frames = 250, buffers = 8 }: SceneOptions = {}) {
    for (const [name, value] of Object.entries({ frames, buffers })) {
      if (!Number.isSafeInteger(value) || value < 1) {
        throw new RangeError(`Cannot draw a scene with ${name} ${value}: give a whole number from 1 on`);
      }
    }
    this.#scene = new StreetScene(seed);
    this.#frames = frames;
    for (let i = 0; i < buffers; i++) this.#free.push(new Uint8Array(SCENE_WIDTH * SCENE_HEIGHT * 3));
    this.info = {
      name: `drawn street ${seed}`,
      width: SCENE_WIDTH,
      height: SCENE_HEIGHT,
      frameRate: SCENE_FRAME_RATE,
      frameCount: frames,
    };
  }

  /**
   * What can be seen in a frame that has been drawn.
   *
   * @throws {RangeError} if frame `index` has not been drawn yet
   */
  truth(index: number): readonly TrueObject[] {
    const truth = this.#truths[index];
    if (!truth) {
      throw new RangeError(`Cannot tell frame ${index}: ${this.#truths.length} frames are drawn so far`);
    }
    return truth;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Frame> {
    if (this.#iterated) throw new Error("Cannot iterate a scene twice: make another SceneSource");
    this.#iterated = true;
    for (let index = 0; index < this.#frames; index++) {
      while (this.#free.length === 0 && !this.#closed) {
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
      const memory = this.#free.pop();
      if (this.#closed || !memory) return;
      this.#truths.push(this.#scene.draw(this.#canvas, index));
      memory.set(this.#canvas.pixels);
      yield this.#frame(index, memory);
    }
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#wake();
    return Promise.resolve();
  }

  #frame(index: number, memory: Uint8Array<ArrayBuffer>): Frame {
    let data: Uint8Array<ArrayBuffer> = memory;
    return {
      index,
      timeSeconds: index / SCENE_FRAME_RATE,
      width: SCENE_WIDTH,
      height: SCENE_HEIGHT,
      format: "rgb24",
      colour: COLOUR,
      get data() {
        return data;
      },
      release: () => {
        if (data !== memory) return;
        data = new Uint8Array(0);
        this.#free.push(memory);
        this.#wake();
      },
    };
  }
}
