/**
 * A slot of the frame loop that sees places: two networks, the search among earlier descriptors, the new descriptor
 * stored, one small readback.
 *
 * @module
 */
import {
  type BufferRange,
  type Device,
  type Dispatch,
  GpuTimer,
  Readback,
  type Stream,
} from "../../src/gpu/mod.ts";
import type { Frame, FrameSlot, SlotResult } from "../../src/frame/mod.ts";
import { DescriptorIndex } from "../../src/place/index/descriptor_index.ts";
import type { DescriptorSearch } from "../../src/place/index/descriptor_search.ts";
import type { Match } from "./match.ts";
import { type Networks, Observation } from "./observation.ts";

/** What a place slot works with. */
export interface PlaceSlotOptions {
  networks: Networks;
  /** The descriptors and the local features of all frames; one store for all slots. */
  store: PlaceStore;
  /** How many of the newest frames a frame is not compared with. */
  recent: number;
  label: string;
}

/** What is found for a frame: the earlier frame most like it, and the time that the GPU took to look for it. */
export interface PlaceResult {
  match: Match | undefined;
  searchMs: number | undefined;
}

/** What is kept of every frame: its descriptor, and the descriptors of its cells. All memory is made at the start. */
export class PlaceStore implements Disposable {
  readonly descriptors: DescriptorIndex;
  readonly #features: GPUBuffer;
  readonly #featureBytes: number;

  /** Room for `capacity` frames. */
  constructor(device: Device, capacity: number, dimensions: number, featureBytes: number) {
    this.descriptors = new DescriptorIndex(device, { dimensions, capacity });
    this.#featureBytes = featureBytes;
    this.#features = device.createBuffer({
      label: "features",
      size: capacity * featureBytes,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
    });
  }

  /** Records that a frame is kept. */
  keep(stream: Observation["stream"], descriptor: BufferRange, features: BufferRange): void {
    const row = this.descriptors.append(stream, descriptor);
    const bytes = this.#featureBytes;
    stream.copy(features.buffer, features.offset, this.#features, row * bytes, bytes);
  }

  [Symbol.dispose](): void {
    this.#features.destroy();
    this.descriptors[Symbol.dispose]();
  }
}

/** One frame in flight. After {@linkcode PlaceSlot.create} it creates nothing on the GPU. */
export class PlaceSlot implements FrameSlot<PlaceResult>, Disposable {
  readonly #observation: Observation;
  readonly #search: DescriptorSearch;
  readonly #readback: Readback;
  readonly #timer: GpuTimer | undefined;
  readonly #store: PlaceStore;
  readonly #recent: number;
  #network: readonly Dispatch[] | undefined;

  /** Makes everything that frames will need. */
  static async create(device: Device, options: PlaceSlotOptions): Promise<PlaceSlot> {
    const observation = await Observation.create(device, options.networks, options.label);
    const slot = new PlaceSlot(device, observation, options);
    await device.settle();
    return slot;
  }

  private constructor(device: Device, observation: Observation, { store, recent, label }: PlaceSlotOptions) {
    this.#observation = observation;
    this.#store = store;
    this.#recent = recent;
    this.#search = store.descriptors.search({ k: 1 });
    store.descriptors.prepare(observation.descriptor);
    // One pass before the search, and one after it.
    this.#timer = GpuTimer.create(device, 2);
    this.#readback = new Readback(device, this.#search.resultBytes + 32, label);
  }

  submit(frame: Frame): void {
    const { stream, descriptor, features } = this.#observation;
    this.#observation.write(frame.data);
    stream.run(this.#network ??= this.#observation.dispatches());
    this.#stamp(stream, 0);
    this.#search.record(stream, descriptor, { exceptNewest: this.#recent });
    this.#stamp(stream, 1);
    this.#store.keep(stream, descriptor, features);
    const result = { ...this.#search.result, bytes: this.#search.resultBytes };
    this.#readback.record(stream, ...this.#timer ? [result, this.#timer.resolve(stream, 2)] : [result]);
    stream.submit();
  }

  async collect(): Promise<SlotResult<PlaceResult>> {
    return await this.#readback.take((bytes) => {
      const [{ ids, scores }] = this.#search.decode(bytes) as [{ ids: Int32Array; scores: Float32Array }];
      const match = ids.length > 0 ? { row: ids[0]!, score: scores[0]! } : undefined;
      return { result: { match, searchMs: this.#timer && searchMs(bytes, this.#search.resultBytes) } };
    });
  }

  #stamp(stream: Stream, pass: number): void {
    if (this.#timer) stream.runTimed([], this.#timer.writes(pass));
  }

  [Symbol.dispose](): void {
    this.#search[Symbol.dispose]();
    this.#readback[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
    this.#observation[Symbol.dispose]();
  }
}

/** From the end of the pass before the search to the beginning of the one after it. */
function searchMs(bytes: ArrayBuffer, at: number): number {
  const [, begin, end] = new BigUint64Array(bytes.slice(at, at + 32));
  return GpuTimer.milliseconds(BigUint64Array.of(begin!, end!))[0]!;
}
