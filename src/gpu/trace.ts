import type { Allocation, Allocator } from "./allocator.ts";
import type { Device } from "./device.ts";
import { GpuError } from "./errors.ts";
import type { MemoryWatch } from "./memory_watch.ts";
import type { Stream } from "./stream.ts";

/** One thing that happened to a device's memory; streams and allocations have numbers. Bytes are as rounded up. */
export type TraceLine =
  | { do: "pool"; stackBytes: number; stackCount: number }
  | { do: "open"; stream: number; label: string; allocator: string }
  | { do: "close"; stream: number }
  | {
    do: "allocate";
    id: number;
    /** Left out where no stream asked. */
    stream?: number;
    bytes: number;
    label: string;
    /** The label of the allocator that served. */
    on: string;
    offset: number;
  }
  | { do: "free"; id: number };

/** What happened to a device's memory, in order, beginning with what was there. */
export class AllocationTrace {
  /** What happened. */
  readonly lines: readonly TraceLine[];

  /** A trace of these lines. */
  constructor(lines: readonly TraceLine[]) {
    this.lines = lines;
  }

  /**
   * Reads JSON lines, as {@linkcode toString} writes them.
   *
   * @throws {GpuError} naming the line that is none of a trace.
   */
  static parse(text: string): AllocationTrace {
    const lines = text.split("\n").flatMap((line, i) => line.trim() === "" ? [] : [parseLine(line, i + 1)]);
    return new AllocationTrace(lines);
  }

  /** One JSON object a line. */
  toString(): string {
    return this.lines.map((line) => `${JSON.stringify(line)}\n`).join("");
  }
}

/** Writes down what happens to a device's memory, until it is stopped; made by `device.trace()`. */
export class TraceRecording implements Disposable {
  readonly #lines: TraceLine[];
  readonly #end: () => void;

  /** Begins. */
  constructor(watch: MemoryWatch, pool: { stackBytes: number; stackCount: number }) {
    this.#lines = [{ do: "pool", stackBytes: pool.stackBytes, stackCount: pool.stackCount }];
    this.#end = watch.trace((line) => this.#lines.push(line));
  }

  /** Ends, and gives what happened; a second call gives the same. */
  stop(): AllocationTrace {
    this.#end();
    return new AllocationTrace([...this.#lines]);
  }

  /** Ends. */
  [Symbol.dispose](): void {
    this.#end();
  }
}

/** How a trace is replayed. */
export interface ReplayOptions {
  /** Allocators for the streams that had one of their own, by its label. */
  allocators?: Readonly<Record<string, Allocator>>;
}

/** An allocation that lies elsewhere than in the trace. */
export interface ReplayDifference {
  /** Its label. */
  label: string;
  /** Allocator and offset in the trace. */
  was: string;
  /** Allocator and offset in the replay. */
  is: string;
}

/** What a replay did. */
export interface ReplayReport {
  /** Allocations made, a count. */
  allocations: number;
  /** Allocations that no allocator had room for, a count; on a device the default allocator has. */
  refused: number;
  /** Allocations that lie elsewhere than they did. */
  differences: ReplayDifference[];
  /** Allocations that the trace left alive, a count; the replay frees them at its end. */
  left: number;
}

/**
 * Does again what a trace tells: on a device with streams of its own, whose pool should be of the sizes that the trace
 * begins with, or on a single allocator that takes the place of all. The same sizes give the same placement.
 *
 * @throws {GpuError} if the trace is not in order, or a stream's own allocator is not given; and as the allocators do.
 * What was replayed until then is released.
 */
export function replayTrace(
  target: Device | Allocator,
  trace: AllocationTrace,
  options: ReplayOptions = {},
): ReplayReport {
  return new Replay(target, options).run(trace);
}

class Replay {
  readonly #device: Device | undefined;
  readonly #allocator: Allocator | undefined;
  readonly #options: ReplayOptions;
  readonly #streams = new Map<number, { stream: Stream; was: string }>();
  readonly #live = new Map<number, Allocation>();
  readonly #refused = new Set<number>();
  readonly #report: ReplayReport = { allocations: 0, refused: 0, differences: [], left: 0 };

  constructor(target: Device | Allocator, options: ReplayOptions) {
    if ("allocate" in target) this.#allocator = target;
    else this.#device = target;
    this.#options = options;
  }

  run(trace: AllocationTrace): ReplayReport {
    try {
      for (const line of trace.lines) this.#step(line);
      this.#report.left = this.#live.size;
      return this.#report;
    } finally {
      for (const allocation of [...this.#live.values()].reverse()) allocation.free();
      for (const { stream } of [...this.#streams.values()].reverse()) stream[Symbol.dispose]();
    }
  }

  #step(line: TraceLine): void {
    if (line.do === "allocate") this.#allocate(line);
    else if (line.do === "free") {
      if (this.#refused.delete(line.id)) return;
      known(this.#live, line.id, "allocation").free();
      this.#live.delete(line.id);
    } else if (this.#device && line.do === "open") this.#open(this.#device, line);
    else if (this.#device && line.do === "close") {
      known(this.#streams, line.stream, "stream").stream[Symbol.dispose]();
      this.#streams.delete(line.stream);
    }
  }

  #open(device: Device, line: TraceLine & { do: "open" }): void {
    const pooled = line.allocator === device.defaultAllocator.label || /^stack \d+$/.test(line.allocator);
    const allocator = this.#options.allocators?.[line.allocator];
    if (!pooled && !allocator) {
      throw new GpuError(
        `Cannot replay stream "${line.label}": it had the allocator "${line.allocator}"; give one of that name in allocators`,
      );
    }
    const stream = device.stream({ label: line.label, ...(allocator && { allocator }) });
    this.#streams.set(line.stream, { stream, was: line.allocator });
  }

  #allocate(line: TraceLine & { do: "allocate" }): void {
    const opened = this.#device && line.stream !== undefined
      ? known(this.#streams, line.stream, "stream")
      : undefined;
    const allocation = opened
      ? opened.stream.allocate(line.bytes, line.label)
      : (this.#allocator ?? this.#device!.defaultAllocator).allocate(line.bytes, line.label);
    if (!allocation) {
      this.#refused.add(line.id);
      this.#report.refused++;
      return;
    }
    this.#live.set(line.id, allocation);
    this.#report.allocations++;
    // Which stack a stream gets depends on who had one before; whether it was served by its own does not.
    const same = !opened ||
      (line.on === opened.was) === (allocation.owner.label === opened.stream.allocator.label);
    if (same && allocation.offset === line.offset) return;
    this.#report.differences.push({
      label: line.label,
      was: `${line.on} at ${line.offset}`,
      is: `${allocation.owner.label} at ${allocation.offset}`,
    });
  }
}

function known<T>(map: ReadonlyMap<number, T>, id: number, what: string): T {
  const found = map.get(id);
  if (found === undefined) {
    throw new GpuError(`Cannot replay: the trace names ${what} ${id}, which is not there`);
  }
  return found;
}

/** The fields of each kind of line; a "?" marks what may be left out. */
const FIELDS: Readonly<Record<TraceLine["do"], Readonly<Record<string, "number" | "string" | "number?">>>> = {
  pool: { stackBytes: "number", stackCount: "number" },
  open: { stream: "number", label: "string", allocator: "string" },
  close: { stream: "number" },
  allocate: {
    id: "number",
    stream: "number?",
    bytes: "number",
    label: "string",
    on: "string",
    offset: "number",
  },
  free: { id: "number" },
};

function parseLine(text: string, number: number): TraceLine {
  let line: unknown;
  try {
    line = JSON.parse(text);
  } catch (cause) {
    throw new GpuError(`Cannot read the trace: line ${number} is no JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  const fields = isObject(line) && typeof line.do === "string" && Object.hasOwn(FIELDS, line.do)
    ? FIELDS[line.do as TraceLine["do"]]
    : undefined;
  if (!isObject(line) || !fields) {
    throw new GpuError(
      `Cannot read the trace: line ${number} tells none of ${Object.keys(FIELDS).join(", ")} in "do"`,
    );
  }
  for (const [name, type] of Object.entries(fields)) {
    const value = line[name];
    if (value === undefined && type.endsWith("?")) continue;
    if (
      typeof value === type.replace("?", "") && (typeof value === "string" || Number.isSafeInteger(value))
    ) continue;
    throw new GpuError(
      `Cannot read the trace: line ${number}: "${name}" is ${JSON.stringify(value)}, not a ${
        type.startsWith("string") ? "string" : "whole number"
      }`,
    );
  }
  return line as TraceLine;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
