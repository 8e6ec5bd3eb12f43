/**
 * OpenCV's ORB, where there is a Python that has it.
 *
 * @module
 */
import type { LocalFeatures } from "../../src/place/mod.ts";
import { type DrawnPicture, PICTURE } from "./draw.ts";
import type { FeatureFinder, FeaturePair } from "./engine.ts";
import { EvaluationError } from "./networks.ts";

const SCRIPT = new URL("opencv_orb.py", import.meta.url).pathname;
const DESCRIPTOR_BYTES = 32;

/** Finds features by OpenCV; matches them as another finder of the same descriptors does. */
export class OpencvOrb implements FeatureFinder {
  readonly name = "OpenCV's ORB";
  readonly #python: string;
  readonly #most: number;
  readonly #matcher: Pick<FeatureFinder, "match">;

  /**
   * @param python the command, such as `python3`.
   * @param matcher compares descriptors of 256 bits.
   */
  constructor(python: string, most: number, matcher: Pick<FeatureFinder, "match">) {
    this.#python = python;
    this.#most = most;
    this.#matcher = matcher;
  }

  /** @throws {EvaluationError} if Python or OpenCV is not there. */
  async find(pictures: readonly DrawnPicture[]): Promise<LocalFeatures[]> {
    const { width, height } = PICTURE;
    const args = [SCRIPT, String(width), String(height), String(this.#most)];
    const fail = (why: string): never => {
      throw new EvaluationError(
        `Cannot find OpenCV's features by "${this.#python}": ${why}; it needs cv2 and numpy; leave --python out otherwise`,
      );
    };
    let child: Deno.ChildProcess;
    try {
      child = new Deno.Command(this.#python, { args, stdin: "piped", stdout: "piped", stderr: "piped" })
        .spawn();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      return fail("there is no such command");
    }
    const feed = async (): Promise<void> => {
      const writer = child.stdin.getWriter();
      try {
        for (const { frame } of pictures) await writer.write(frame.data);
        await writer.close();
      } catch {
        // It ended before it took all: its exit code and what it said tell why.
      }
    };
    const [{ success, stdout, stderr }] = await Promise.all([child.output(), feed()]);
    if (!success) fail(new TextDecoder().decode(stderr).trim().split("\n").at(-1) ?? "");
    return readFeatures(stdout, pictures.length);
  }

  match(a: LocalFeatures, b: LocalFeatures): Promise<FeaturePair[]> {
    return this.#matcher.match(a, b);
  }
}

/** Reads what the script writes. @throws {EvaluationError} if it is not the features of so many pictures. */
export function readFeatures(bytes: Uint8Array, pictures: number): LocalFeatures[] {
  const found: LocalFeatures[] = [];
  let at = 0;
  const take = (length: number): Uint8Array<ArrayBuffer> => {
    if (at + length > bytes.length) {
      throw new EvaluationError(
        `Cannot read OpenCV's features: they end at byte ${bytes.length}, in picture ${found.length} of ${pictures}`,
      );
    }
    return bytes.slice(at, at += length);
  };
  for (let i = 0; i < pictures; i++) {
    const count = new DataView(take(4).buffer).getUint32(0, true);
    found.push({
      points: new Float32Array(take(8 * count).buffer),
      // They come in order; how strong they are nobody asks.
      scores: new Float32Array(count),
      descriptors: take(DESCRIPTOR_BYTES * count),
    });
  }
  return found;
}
