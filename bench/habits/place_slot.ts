/**
 * A slot of the frame loop that sees places: two networks, the search among earlier descriptors, the new descriptor
 * stored, one small readback.
 *
 * @module
 */
import { type BufferRange, type Device, type Dispatch, GpuTimer, Readback } from "../../src/gpu/mod.ts";
import type { Frame, FrameSlot, SlotResult } from "../../src/frame/mod.ts";
import {
  DescriptorSearch,
  DescriptorStore,
  type Match,
  readMatch,
  RESULT_BYTES,
} from "./descriptor_store.ts";
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
  readonly descriptors: DescriptorStore;
  readonly #features: GPUBuffer;
  readonly #featureBytes: number;

  /** Room for `capacity` frames. */
  constructor(device: Device, capacity: number, dimensions: number, featureBytes: number) {
    this.descriptors = new DescriptorStore(device, { dimensions, capacity });
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
    this.#search = new DescriptorSearch(
      device,
      store.descriptors,
      observation.descriptor,
      (bytes, name) => observation.allocate(bytes, name),
    );
    this.#timer = GpuTimer.create(device, 1);
    this.#readback = new Readback(device, RESULT_BYTES + 16, label);
  }

  submit(frame: Frame): void {
    const { stream, descriptor, features } = this.#observation;
    this.#observation.write(frame.data);
    stream.run(this.#network ??= this.#observation.dispatches());
    const search = this.#search.dispatches(Math.max(0, this.#store.descriptors.rows - this.#recent));
    if (this.#timer) stream.runTimed(search, this.#timer.writes(0));
    else stream.run(search);
    this.#store.keep(stream, descriptor, features);
    const { result } = this.#search;
    this.#readback.record(stream, ...this.#timer ? [result, this.#timer.resolve(stream, 1)] : [result]);
    stream.submit();
  }

  async collect(): Promise<SlotResult<PlaceResult>> {
    return await this.#readback.take((bytes) => {
      const searchMs = this.#timer && GpuTimer.milliseconds(new BigUint64Array(bytes, RESULT_BYTES, 2))[0];
      return { result: { match: readMatch(bytes), searchMs } };
    });
  }

  [Symbol.dispose](): void {
    this.#search[Symbol.dispose]();
    this.#readback[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
    this.#observation[Symbol.dispose]();
  }
}
