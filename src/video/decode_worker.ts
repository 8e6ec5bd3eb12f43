/**
 * The worker in which a source decodes. It exists because a wait for the GPU blocks the main thread for about 11 ms,
 * and a pipe holds only 64 KB: read there, the decoder would stand still most of the time.
 *
 * @module
 */

import { decodeImages } from "./decode_images.ts";
import { decodeVideo } from "./decode_video.ts";
import { ProgramError } from "./ffmpeg.ts";
import { Closed, Outlet } from "./outlet.ts";
import { SourceError } from "../frame/frame.ts";
import type { DecodeJob, FromDecoder, ToDecoder } from "./protocol.ts";
import { readRaw } from "./read_raw.ts";

/** The part of a worker's global scope that is used here. */
interface WorkerScope {
  postMessage(message: FromDecoder, transfer: ArrayBuffer[]): void;
  addEventListener(type: "message", listener: (event: MessageEvent<ToDecoder>) => void): void;
}

const scope = globalThis as unknown as WorkerScope;
let outlet: Outlet | undefined;

/** Does the job; resolves when nothing of it is left, no process and no pipe. */
function decode(job: DecodeJob, to: Outlet): Promise<void> {
  switch (job.kind) {
    case "video":
      return decodeVideo(job, to);
    case "images":
      return decodeImages(job, to);
    case "raw":
      return readRaw(job, to);
  }
}

async function start(job: DecodeJob, to: Outlet): Promise<void> {
  try {
    await decode(job, to);
    scope.postMessage({ type: "end" }, []);
  } catch (error) {
    if (!(error instanceof Closed)) {
      const expected = error instanceof SourceError || error instanceof ProgramError;
      const message = expected ? error.message : `Cannot go on decoding: ${String(error)}`;
      scope.postMessage({ type: "error", message }, []);
    }
  }
  scope.postMessage({ type: "closed" }, []);
}

scope.addEventListener("message", ({ data }) => {
  switch (data.type) {
    case "start":
      outlet = new Outlet(data.buffers, (message, transfer) => scope.postMessage(message, transfer));
      start(data.job, outlet);
      break;
    case "recycle":
      outlet?.recycle(data.buffer);
      break;
    case "close":
      outlet?.close();
      break;
  }
});
