/**
 * Raw frames from stdin.
 *
 * @module
 */

import { frameBytes, SourceError } from "../frame/frame.ts";
import { Closed, fill, type Outlet } from "./outlet.ts";
import type { RawJob } from "./protocol.ts";

/** Reads frames of a known size from stdin until it ends. A partial last frame is reported as skipped. */
export async function readRaw(job: RawJob, outlet: Outlet): Promise<void> {
  const { width, height, format, colour } = job;
  const bytes = frameBytes(format, width, height);
  const reader = Deno.stdin.readable.getReader({ mode: "byob" });
  outlet.onClose(() => reader.cancel().catch(() => {}));
  while (true) {
    await outlet.permit();
    const { buffer, filled } = await fill(reader, outlet.buffer(bytes), 0, bytes);
    if (outlet.closed) throw new Closed();
    if (filled < bytes) {
      const shape = `${width}x${height} ${format} (${bytes} bytes)`;
      if (filled > 0) {
        const reason =
          `stdin ended after ${filled} of the ${bytes} bytes of this frame; check --size and --format`;
        if (outlet.index > 0) return outlet.skip("stdin", reason);
        throw new SourceError(`Cannot read stdin as frames of ${shape}: ${reason}`);
      }
      if (outlet.index > 0) return;
      throw new SourceError(
        `Cannot read stdin as frames of ${shape}: it is empty; pipe raw frames into this program`,
      );
    }
    const timeSeconds = outlet.index / job.frameRate;
    outlet.deliver({ timeSeconds, width, height, format, colour, buffer, bytes });
  }
}
