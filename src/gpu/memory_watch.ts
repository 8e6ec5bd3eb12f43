import {
  type Allocation,
  type AllocationRecord,
  type AllocationWatch,
  type Allocator,
  describeAllocation,
  describeOrigins,
} from "./allocator.ts";
import { callSite } from "./call_site.ts";
import { type Followed, Nursery } from "./nursery.ts";
import { allocateChecked } from "./user_allocator.ts";
import type { TraceLine } from "./trace.ts";

/** What a watch needs to know of a stream. */
export interface WatchedStream {
  /** What it is called in messages. */
  readonly label: string;
  /** Where its allocations come from while that has room. */
  readonly allocator: Allocator;
}

/** What is alive. */
interface Entry {
  readonly record: AllocationRecord;
  readonly id: number;
  readonly stream: number | undefined;
  readonly followed: Followed<Allocation, AllocationRecord>;
  /** Where it is in the list. */
  index: number;
}

/** Labels that are told of when they are collected; beyond, only the count goes on. */
const COLLECTED_TOLD = 100;

/** Labels that a list in a message names. */
const LISTED = 50;

/**
 * Follows every allocation of a device from the moment it is handed out: what is alive, what was collected without
 * being released, where it was made (in debug mode), and who wants a trace.
 */
export class MemoryWatch implements AllocationWatch {
  /** Whether each allocation's call stack is kept. */
  readonly debug: boolean;
  readonly #warn: (message: string) => void;
  /** In no order, so that taking one out is cheap. */
  readonly #live: Entry[] = [];
  readonly #nursery: Nursery<Allocation, AllocationRecord>;
  readonly #told = new Set<string>();
  readonly #streams = new Map<WatchedStream, number>();
  /** The streams' stacks. */
  readonly #holders = new Map<Allocator, WatchedStream>();
  /** What allocators of users handed out, for the check that they overlap nowhere. */
  readonly #handedOut = new WeakMap<GPUBuffer, Set<AllocationRecord>>();
  readonly #traces = new Set<(line: TraceLine) => void>();
  #asking: WatchedStream | undefined;
  #allocationId = 0;
  #streamId = 0;
  #unreleased = 0;
  #unreleasedBytes = 0;
  #ended = false;

  /** Follows nothing yet; `warn` is told what was collected without being released. */
  constructor(debug: boolean, warn: (message: string) => void) {
    this.debug = debug;
    this.#warn = warn;
    this.#nursery = new Nursery((record) => this.#collected(record));
  }

  /** A stream was made. `hasStack`: its allocator is its alone. */
  opened(stream: WatchedStream, hasStack: boolean): void {
    const id = this.#streamId++;
    this.#streams.set(stream, id);
    if (hasStack) this.#holders.set(stream.allocator, stream);
    if (this.#traces.size > 0) this.#tell(openLine(id, stream));
  }

  /** A stream was disposed. */
  closed(stream: WatchedStream): void {
    const id = this.#streams.get(stream);
    this.#streams.delete(stream);
    if (this.#holders.get(stream.allocator) === stream) this.#holders.delete(stream.allocator);
    if (this.#traces.size > 0 && id !== undefined) this.#tell({ do: "close", stream: id });
  }

  /** Runs `allocate`, whose allocations are for this stream. */
  for<T>(stream: WatchedStream, allocate: () => T): T {
    const outer = this.#asking;
    this.#asking = stream;
    try {
      return allocate();
    } finally {
      this.#asking = outer;
    }
  }

  /** Memory from an allocator of the user's own, whose contract is checked. @throws {GpuError} if it was broken. */
  allocateFrom(allocator: Allocator, bytes: number, label: string): Allocation | null {
    const allocation = allocateChecked(allocator, bytes, label, this.#handedOut, this);
    if (!allocation) return null;
    let others = this.#handedOut.get(allocation.buffer);
    if (!others) this.#handedOut.set(allocation.buffer, others = new Set());
    others.add(allocation.record);
    // What it passed on from the default allocator is known already.
    if (allocation.watch !== this) this.allocated(allocation);
    return allocation;
  }

  /** An allocation was handed out. */
  allocated(allocation: Allocation): void {
    const { record } = allocation;
    const stream = this.#asking ?? this.#holders.get(allocation.owner);
    if (stream) record.stream = stream.label;
    if (this.debug) record.madeAt = callSite();
    const entry: Entry = {
      record,
      index: this.#live.length,
      id: this.#allocationId++,
      stream: stream && this.#streams.get(stream),
      followed: this.#nursery.follow(allocation, record),
    };
    this.#live.push(entry);
    allocation.follow(this, entry);
    if (this.#traces.size > 0) this.#tell(allocateLine(entry));
  }

  /** An allocation was given back. */
  freed(allocation: Allocation): void {
    const entry = allocation.tag as Entry;
    const last = this.#live.pop()!;
    if (last !== entry) {
      this.#live[entry.index] = last;
      last.index = entry.index;
    }
    this.#nursery.leave(entry.followed);
    this.#handedOut.get(allocation.buffer)?.delete(allocation.record);
    if (this.#traces.size > 0) this.#tell({ do: "free", id: entry.id });
  }

  /** What was not released, oldest first, whether or not somebody still holds it. */
  alive(): AllocationRecord[] {
    return this.#inOrder().map(({ record }) => record);
  }

  /** The streams that were not disposed. */
  streams(): WatchedStream[] {
    return [...this.#streams.keys()];
  }

  /** What the garbage collector took and nobody had released: a count, and bytes. */
  get unreleased(): { count: number; bytes: number } {
    return { count: this.#unreleased, bytes: this.#unreleasedBytes };
  }

  /** Tells `listener` what is there now, as lines that would make it, and all that happens until it is told to stop. */
  trace(listener: (line: TraceLine) => void): () => void {
    for (const [stream, id] of this.#streams) listener(openLine(id, stream));
    for (const entry of this.#inOrder()) listener(allocateLine(entry));
    this.#traces.add(listener);
    return () => this.#traces.delete(listener);
  }

  /** A buffer that is no allocation was collected and not destroyed. */
  bufferCollected(label: string, bytes: number): void {
    if (this.#ended || !this.#first(label)) return;
    this.#warn(
      `Memory: buffer "${label}" (${bytes} bytes) was never destroyed, and the garbage collector came by; until then ` +
        `its memory was lost. Destroy it, or dispose what owns it, when it is done with`,
    );
  }

  /** The device is disposed: lists what is still alive, and says nothing more. */
  end(buffers: readonly { label: string; bytes: number }[]): void {
    this.#ended = true;
    const alive = this.alive();
    const list: string[] = alive.map((record) =>
      `${describeAllocation(record)} on ${record.allocator}${record.stream ? ` of ${record.stream}` : ""}`
    );
    let what = alive.length === 0
      ? ""
      : `${alive.length} allocation${alive.length === 1 ? "" : "s"} (${
        alive.reduce((sum, { bytes }) => sum + bytes, 0)
      } bytes)`;
    if (this.debug) {
      // A stream or a buffer that ends with its device does no harm: told to those who look for order.
      const streams = this.streams();
      list.push(...streams.map(({ label }) => `stream "${label}"`));
      list.push(...buffers.map(({ label, bytes }) => `buffer "${label}" (${bytes} bytes)`));
      what = [
        what,
        streams.length > 0 ? `${streams.length} streams` : "",
        buffers.length > 0 ? `${buffers.length} buffers` : "",
      ].filter(Boolean).join(", ");
    }
    if (list.length === 0) return;
    const rest = list.length > LISTED ? `, and ${list.length - LISTED} more` : "";
    this.#warn(
      `Memory: the device was disposed while ${what} were alive: ${
        list.slice(0, LISTED).join(", ")
      }${rest}; ` +
        `release them before, which "using" does by itself` + describeOrigins(...alive.slice(0, LISTED)),
    );
  }

  #inOrder(): Entry[] {
    return [...this.#live].sort((a, b) => a.id - b.id);
  }

  #tell(line: TraceLine): void {
    for (const listener of this.#traces) listener(line);
  }

  #collected(record: AllocationRecord): void {
    if (this.#ended) return;
    this.#unreleased++;
    this.#unreleasedBytes += record.bytes;
    if (!this.#first(record.label)) return;
    this.#warn(
      `Memory: ${describeAllocation(record)} on ${record.allocator}${
        record.stream ? ` of ${record.stream}` : ""
      } was collected without being released; declare it with "using", or call free() when it is done with` +
        describeOrigins(record),
    );
  }

  #first(label: string): boolean {
    if (this.#told.has(label) || this.#told.size >= COLLECTED_TOLD) return false;
    this.#told.add(label);
    return true;
  }
}

function openLine(id: number, stream: WatchedStream): TraceLine {
  return { do: "open", stream: id, label: stream.label, allocator: stream.allocator.label };
}

function allocateLine({ record, id, stream }: Entry): TraceLine {
  const { bytes, label, allocator, offset } = record;
  return {
    do: "allocate",
    id,
    ...(stream !== undefined && { stream }),
    bytes,
    label,
    on: allocator,
    offset,
  };
}
