/**
 * The worker in which a sink draws and encodes, so that neither waits for the GPU nor keeps the frame loop waiting.
 *
 * @module
 */

import { SinkError } from "../frame/frame.ts";
import { ImageEncoder } from "./encode_images.ts";
import { VideoEncoder } from "./encode_video.ts";
import { ProgramError } from "./ffmpeg.ts";
import type { EncodeMessage, FromEncoder, ToEncoder } from "./protocol.ts";

/** The part of a worker's global scope that is used here. */
interface WorkerScope {
  postMessage(message: FromEncoder, transfer: ArrayBuffer[]): void;
  addEventListener(type: "message", listener: (event: MessageEvent<ToEncoder>) => void): void;
}

const scope = globalThis as unknown as WorkerScope;

/** How many images are written at a time. Frames of a video are written one after the other. */
const IMAGES_AT_A_TIME = 2;

let write: (frame: EncodeMessage) => Promise<void> = () => Promise.resolve();
let finish: () => Promise<void> = () => Promise.resolve();
let atATime = 1;
let failed = false;

const waiting: EncodeMessage[] = [];
const active = new Set<Promise<void>>();

function fail(error: unknown): void {
  if (failed) return;
  failed = true;
  const expected = error instanceof SinkError || error instanceof ProgramError;
  const message = expected ? error.message : `Cannot go on writing: ${String(error)}`;
  scope.postMessage({ type: "error", message }, []);
}

async function work(frame: EncodeMessage): Promise<void> {
  try {
    if (!failed) await write(frame);
  } catch (error) {
    fail(error);
  }
  scope.postMessage({ type: "recycle", buffer: frame.buffer }, [frame.buffer]);
}

function next(): void {
  while (active.size < atATime) {
    const frame = waiting.shift();
    if (frame === undefined) return;
    const task: Promise<void> = work(frame).then(() => {
      active.delete(task);
      next();
    });
    active.add(task);
  }
}

async function close(): Promise<void> {
  while (active.size > 0) await Promise.all(active);
  try {
    // After a failure too: what came before it is kept.
    await finish();
  } catch (error) {
    fail(error);
  }
  scope.postMessage({ type: "closed" }, []);
}

scope.addEventListener("message", ({ data }) => {
  switch (data.type) {
    case "start":
      if (data.job.kind === "video") {
        const encoder = new VideoEncoder(data.job, data.style);
        write = (frame) => encoder.write(frame);
        finish = () => encoder.close();
      } else {
        const encoder = new ImageEncoder(data.job);
        write = (frame) => encoder.write(frame);
        atATime = IMAGES_AT_A_TIME;
      }
      break;
    case "frame":
      waiting.push(data);
      next();
      break;
    case "close":
      close();
      break;
  }
});
