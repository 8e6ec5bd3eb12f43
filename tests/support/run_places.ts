/**
 * Frames through a recogniser of places, in a strict loop.
 *
 * @module
 */
import { type LoopReport, runLoop } from "../../src/frame/mod.ts";
import type { Device } from "../../src/gpu/mod.ts";
import type { PlaceFrame, PlaceRecogniser, PlaceResult } from "../../src/place/mod.ts";
import { FrameList } from "./walk.ts";

/** What was said of the frames, and what the loop tells. */
export async function runPlaces(
  device: Device,
  { slots }: PlaceRecogniser,
  frames: readonly PlaceFrame[],
): Promise<{ results: PlaceResult[]; report: LoopReport }> {
  const results: PlaceResult[] = [];
  const sink = {
    write: (_: unknown, result: PlaceResult) => Promise.resolve(void results.push(result)),
    close: () => Promise.resolve(),
  };
  const report = await runLoop({ device, source: new FrameList(frames), slots, sinks: [sink], strict: true });
  return { results, report };
}

/** Results without times, which differ from run to run. */
export function timeless(results: readonly PlaceResult[]): unknown[] {
  return results.map(({ gpuMs: _gpu, searchMs: _search, ...result }) => result);
}
