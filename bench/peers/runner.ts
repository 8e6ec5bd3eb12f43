/**
 * What a side of the comparison is, and what it is given.
 *
 * @module
 */

/** One measurement that a process of its own makes. */
export interface Job {
  side: string;
  /** The ONNX file. */
  model: string;
  /** The inputs, each a file of 32-bit floats. */
  inputs: { name: string; shape: number[]; file: string }[];
  /** Where the outputs go: one file of 32-bit floats each, as `Told.outputs` names them. */
  folder: string;
  /** When the process was started, in milliseconds since 1970. */
  started: number;
  /** Inferences that are enqueued before one wait. */
  batch: number;
  /** Nothing but the first result. */
  firstOnly?: boolean;
  /** Without what may not work with every network: see {@linkcode Open}. */
  plain?: boolean;
}

/** What the process tells: milliseconds, and MiB. */
export interface Told {
  firstMs: number;
  /** What the first result would take less with the network rebuilt beforehand. */
  spareMs: number;
  latencyMs: number[];
  /** Of the processor's time, all threads together. */
  latencyCpuMs: number;
  throughputMs: number[];
  throughputCpuMs: number;
  /** Inferences before each wait; 0 if only the first result was asked for. */
  batch: number;
  peakMiB: number;
  /** The WebGPU adapter, where one was asked for. */
  adapter?: string;
  note?: string;
  outputs: { name: string; file: string }[];
}

/** An input, in memory. */
export interface Input {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

/** The outputs by name: elements as 32-bit floats. */
export type Outputs = Record<string, Float32Array>;

/** A network made ready on one side. */
export interface Runner {
  /** Takes the inputs from host memory and sets one inference going; what the one before gave may be lost. */
  enqueue(): Promise<void> | void;
  /** Waits for the last inference and gives its outputs, as they lie there. */
  read(): Promise<Outputs>;
  /** The outputs in ONNX's order, where the side has one of its own; not timed. */
  inOnnxOrder?(outputs: Outputs): Outputs;
  /** Both at once, where the side has a shorter way. */
  once?(): Promise<Outputs>;
  /** What of the time to make it ready went into rebuilding the ONNX network. */
  spareMs?: number;
  note?: string;
}

/** Makes a network ready; `plain` without what makes the side faster but does not work with every network. */
export type Open = (
  model: Uint8Array<ArrayBuffer>,
  inputs: readonly Input[],
  plain: boolean,
) => Promise<Runner>;
