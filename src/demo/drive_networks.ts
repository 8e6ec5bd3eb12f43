/** What detects and what recognises places, with the networks that come with Framewise, prepared for the drive. */
import { Detector } from "../detect/detector.ts";
import type { Device } from "../gpu/mod.ts";
import { PlaceRecogniser } from "../place/places.ts";
import { type Drive, FRAME } from "./drive.ts";
import { DriveSlot } from "./drive_slot.ts";

/** Frames in flight. */
export const SLOTS = 4;
/** Everything with at least this score is detected, so that precision can be told for every threshold. */
const LEAST_SCORE = 0.02;
/** Room for the activations of one frame of either kind; what does not fit is made apart, before the first frame. */
const STACK_BYTES = 24 * 2 ** 20;

/**
 * Opens the networks and makes everything that frames will need on the GPU; the stack ends it all.
 *
 * @throws {EmbeddedNetworkError} naming the file that cannot be read.
 */
export async function openSlots(
  device: Device,
  drive: Drive,
  stack: AsyncDisposableStack,
): Promise<readonly DriveSlot[]> {
  // Either sizes the stacks for itself alone, and takes them when it is made; the town takes one more.
  device.pool.configure({ stackBytes: STACK_BYTES, stackCount: 2 * SLOTS + 1 });
  const forecast = { slots: SLOTS, frame: FRAME, formats: ["rgb24"] as const };
  const detector = stack.use(await Detector.create(device, { ...forecast, scoreThreshold: LEAST_SCORE }));
  const { gap, options: { frames } } = drive;
  const recogniser = stack.use(await PlaceRecogniser.create(device, { ...forecast, gap, capacity: frames }));
  return detector.slots.map((slot, i) => new DriveSlot(slot, recogniser.slots[i]!));
}
