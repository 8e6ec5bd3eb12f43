/**
 * Runs a head on the GPU over outputs given as host arrays.
 *
 * @module
 */
import type { BufferRange, Device } from "../../src/gpu/mod.ts";
import {
  type DetectionCounts,
  PostProcess,
  type PostProcessOptions,
  type RawDetection,
} from "../../src/detect/post_process.ts";
import type { HeadOutputs } from "../../src/detect/heads/mod.ts";
import { assertEquals } from "@std/assert";
import type { Candidate } from "./head_reference.ts";

/** Output values by name. */
export type Values = Readonly<Record<string, { data: Float32Array<ArrayBuffer>; shape: readonly number[] }>>;

/** Scratch memory of buffers of their own, filled with bytes that are no valid result. */
export function testScratch(device: Device): (bytes: number, label: string) => BufferRange {
  return (bytes, label) => device.upload(new Uint8Array(bytes).fill(0xa5), label);
}

/** Outputs uploaded as a network would leave them. */
export function uploadOutputs(device: Device, values: Values): HeadOutputs {
  return Object.fromEntries(
    Object.entries(values).map((
      [name, { data, shape }],
    ) => [name, { range: device.upload(data, name), shape }]),
  );
}

/** Runs prepared post-processing once. */
export async function runPost(
  device: Device,
  post: PostProcess,
): Promise<{ detections: RawDetection[]; counts: DetectionCounts }> {
  await device.settle();
  using stream = device.stream();
  stream.run(post.dispatches);
  stream.submit();
  const bytes = (await device.read(post.result)).slice(0, post.resultBytes);
  return { detections: post.parse(bytes), counts: post.counts(bytes) };
}

/** Prepares and runs a head once. */
export async function runHead(
  device: Device,
  values: Values,
  options: PostProcessOptions,
): Promise<{ detections: RawDetection[]; counts: DetectionCounts }> {
  using post = PostProcess.prepare(device, testScratch(device), uploadOutputs(device, values), options);
  return await runPost(device, post);
}

/** Asserts that detections are those of the reference, in order. */
export function assertDetections(
  actual: readonly RawDetection[],
  expected: readonly Candidate[],
  context: unknown,
  tolerance: { score?: number; px?: number } = {},
): void {
  const { score = 0, px = 1e-3 } = tolerance;
  const message = (what: string): string => `${what}; case ${JSON.stringify(context)}`;
  assertEquals(actual.length, expected.length, message("number of detections"));
  actual.forEach((detection, i) => {
    const wanted = expected[i]!;
    assertEquals(detection.classId, wanted.classId, message(`class of detection ${i}`));
    const off = Math.abs(detection.score - wanted.score);
    if (!(off <= score)) {
      throw new Error(message(`score ${detection.score}, expected ${wanted.score}, of ${i}`));
    }
    const numbers = [...detection.box, ...(detection.keypoints ?? []).flat()];
    const reference = [...wanted.box, ...(wanted.keypoints ?? []).flat()];
    assertEquals(numbers.length, reference.length, message(`numbers of detection ${i}`));
    numbers.forEach((value, n) => {
      const allowed = px + Math.abs(reference[n]!) * 1e-5;
      if (!(Math.abs(value - reference[n]!) <= allowed)) {
        throw new Error(message(`number ${n} of detection ${i} is ${value}, expected ${reference[n]}`));
      }
    });
  });
}
