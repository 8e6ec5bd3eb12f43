/**
 * One frame's way through both networks, with everything that it needs: stream, memory, bind groups, readback. The three
 * habits differ in when they make it and whether they ever let go of it.
 *
 * @module
 */
import type { Allocation, BufferRange, Device, Dispatch, Stream } from "../../src/gpu/mod.ts";
import { type BoundPlan, Session } from "../../src/graph/mod.ts";
import { InputBlob } from "../../src/vision/blob.ts";
import type { InputTreatment } from "../../src/vision/treatment.ts";
import { globalNetwork, localNetwork, NETWORK_HEIGHT, NETWORK_WIDTH } from "./networks.ts";
import { TOUR_HEIGHT, TOUR_WIDTH } from "./tour.ts";

const TREATMENT: InputTreatment = { fit: "stretch", channels: "rgb", std: 255 };

/** Both networks, loaded. */
export class Networks implements Disposable {
  readonly sessions: readonly [whole: Session, local: Session];

  private constructor(sessions: readonly [Session, Session]) {
    this.sessions = sessions;
  }

  /** Loads the two files. */
  static async load(device: Device, files: NetworkFiles): Promise<Networks> {
    return new Networks([await Session.load(device, files.whole), await Session.load(device, files.local)]);
  }

  [Symbol.dispose](): void {
    for (const session of this.sessions) session[Symbol.dispose]();
  }
}

/** The bytes of both networks. */
export interface NetworkFiles {
  whole: Uint8Array<ArrayBuffer>;
  local: Uint8Array<ArrayBuffer>;
}

/** Writes both networks. */
export function networkFiles(): NetworkFiles {
  return { whole: globalNetwork(), local: localNetwork() };
}

/** Two networks bound for one frame at a time. */
export class Observation implements Disposable {
  readonly stream: Stream;
  readonly #allocations: Allocation[];
  readonly #bound: readonly BoundPlan[];
  readonly #blobs: readonly InputBlob[];

  /** Makes all that a frame needs. */
  static async create(device: Device, networks: Networks, label: string): Promise<Observation> {
    const stream = device.stream({ label });
    const allocations: Allocation[] = [];
    const bound: BoundPlan[] = [], blobs: InputBlob[] = [];
    for (const session of networks.sessions) {
      const plan = session.plan();
      const arena = stream.allocate(plan.arenaBytes, `${label}: ${session.graph.name}`);
      allocations.push(arena);
      const one = await session.bind(plan, arena);
      bound.push(one);
      blobs.push(
        new InputBlob(device, {
          treatment: TREATMENT,
          width: NETWORK_WIDTH,
          height: NETWORK_HEIGHT,
          channels: 1,
          output: one.inputs.image!,
          sourceBytes: TOUR_WIDTH * TOUR_HEIGHT,
          formats: ["gray8"],
          label: `${label}: pixels`,
        }),
      );
    }
    return new Observation(stream, allocations, bound, blobs);
  }

  private constructor(
    stream: Stream,
    allocations: Allocation[],
    bound: readonly BoundPlan[],
    blobs: readonly InputBlob[],
  ) {
    this.stream = stream;
    this.#allocations = allocations;
    this.#bound = bound;
    this.#blobs = blobs;
  }

  /** Memory beside the networks', from the same stack. */
  allocate(bytes: number, label: string): BufferRange {
    const allocation = this.stream.allocate(bytes, label);
    this.#allocations.push(allocation);
    return allocation;
  }

  /** Writes a frame's pixels. */
  write(pixels: Uint8Array<ArrayBuffer>): void {
    for (const blob of this.#blobs) {
      blob.write({ width: TOUR_WIDTH, height: TOUR_HEIGHT, format: "gray8", data: pixels });
    }
  }

  /** From pixels to descriptor and features. The first frame must have been written. */
  dispatches(): Dispatch[] {
    return this.#bound.flatMap((bound, i) => [this.#blobs[i]!.dispatch, ...bound.dispatches]);
  }

  /** The descriptor of the whole image, of length 1. */
  get descriptor(): BufferRange {
    return this.#bound[0]!.outputs.descriptor!;
  }

  /** The descriptors of its cells. */
  get features(): BufferRange {
    return this.#bound[1]!.outputs.features!;
  }

  /** Bytes of memory from the stream. */
  get bytes(): number {
    return this.#allocations.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  [Symbol.dispose](): void {
    for (const part of [...this.#blobs, ...this.#bound]) part[Symbol.dispose]();
    for (const allocation of this.#allocations.splice(0).reverse()) allocation.free();
    this.stream[Symbol.dispose]();
  }
}
