/**
 * How kernels are run on matrices: what an operand is, and the parameters that all of them share.
 *
 * @module
 */
import type { Allocation, BufferRange } from "./allocator.ts";
import { foldWorkgroups, type Workgroups } from "./dispatch.ts";
import { GpuError } from "./errors.ts";
import type { KernelSource } from "./kernel.ts";
import type { UniformValues } from "./uniforms.ts";
import load from "../../shaders/matrix/library/load.wgsl" with { type: "text" };
import mask from "../../shaders/matrix/library/mask.wgsl" with { type: "text" };
import number from "../../shaders/matrix/library/number.wgsl" with { type: "text" };
import scale from "../../shaders/matrix/library/scale.wgsl" with { type: "text" };
import store from "../../shaders/matrix/library/store.wgsl" with { type: "text" };
import sums from "../../shaders/matrix/library/sums.wgsl" with { type: "text" };

/** Invocations of a workgroup of every matrix kernel. */
const WORKGROUP = 64;

/** The parts that a matrix kernel's "Uses:" line can name. */
const LIBRARY: Readonly<Record<string, string>> = { load, mask, number, scale, store, sums };

/** A rectangle of pixels in an allocation, as kernels see it: a matrix, or a matrix taken otherwise. */
export interface MatrixView {
  /** Where the bytes lie. */
  readonly allocation: Allocation;
  /** Bytes from the allocation's start to pixel (0, 0). */
  readonly offset: number;
  /** Bytes from one row to the next. */
  readonly step: number;
  /** How many rows it has. */
  readonly rows: number;
  /** How many pixels a row has. */
  readonly cols: number;
  /** Elements of a pixel. */
  readonly channels: number;
  /** Bytes of an element: 1, 2 or 4. */
  readonly elementBytes: number;
  /** Whether all of the allocation is the view's own, so that bytes beside its pixels need not be kept. */
  readonly whole: boolean;
}

/** What a matrix kernel runs on. */
export interface MatrixRun {
  /** What is written. */
  readonly y: MatrixView;
  /** What is read. */
  readonly x?: MatrixView;
  /** Which pixels are written: one byte a pixel, of the size of `y`. */
  readonly mask?: MatrixView;
  /** Further memory, by binding. */
  readonly bindings?: Readonly<Record<string, BufferRange>>;
  /** The kernel's own constants. */
  readonly overrides?: Readonly<Record<string, number | boolean>>;
  /** The kernel's own parameters. */
  readonly uniforms?: UniformValues;
}

/** A dispatch as the pool makes and keeps it. */
export interface MatrixDispatch {
  /** The variant's constants. */
  readonly overrides: Readonly<Record<string, number | boolean>>;
  /** Memory, by binding. */
  readonly bindings: Readonly<Record<string, BufferRange>>;
  /** The parameters. */
  readonly uniforms: UniformValues;
  /** The grid. */
  readonly workgroups: Workgroups;
}

/**
 * A matrix kernel: the file's text behind the parts of the library that its head names, such as `// Uses: store, load`.
 *
 * @throws {GpuError} if it names none, or one that there is not.
 */
export function matrixKernel(name: string, wgsl: string): KernelSource {
  const parts = /^\/\/ Uses: (.*)$/m.exec(wgsl)?.[1]?.split(",").map((part) => part.trim()) ?? [];
  const unknown = parts.filter((part) => LIBRARY[part] === undefined);
  if (parts.length === 0 || unknown.length > 0) {
    throw new GpuError(
      `Cannot make matrix kernel ${name}: its line "// Uses:" names [${
        unknown.join(", ")
      }]; the library holds [${Object.keys(LIBRARY).join(", ")}]`,
    );
  }
  return { name, wgsl: [...parts.map((part) => LIBRARY[part]), wgsl].join("\n") };
}

/** The same bytes as pixels of one channel: for what treats every element alike. */
export function asElements(view: MatrixView): MatrixView {
  return { ...view, cols: view.cols * view.channels, channels: 1 };
}

/** The same bytes as pixels of one byte. */
export function asBytes(view: MatrixView): MatrixView {
  return { ...view, cols: view.cols * view.channels * view.elementBytes, channels: 1, elementBytes: 1 };
}

/** All bytes of a whole matrix, what pads its rows included, as one row of words. */
export function asWords(view: MatrixView): MatrixView {
  const bytes = view.rows * view.step;
  return { ...view, rows: 1, cols: bytes / 4, step: bytes, channels: 1, elementBytes: 4 };
}

/** Whether two views share pixels. Both are as their matrices are, so that views of one allocation have one step. */
export function viewsOverlap(a: MatrixView, b: MatrixView): boolean {
  if (a.allocation !== b.allocation) return false;
  const [firstA, firstB] = [Math.floor(a.offset / a.step), Math.floor(b.offset / b.step)];
  const [leftA, leftB] = [a.offset % a.step, b.offset % b.step];
  return firstA < firstB + b.rows && firstB < firstA + a.rows &&
    leftA < leftB + b.cols * pixelBytes(b) && leftB < leftA + a.cols * pixelBytes(a);
}

/** A source's parameters: byte offset of pixel (0, 0), bytes a row, rows, columns. */
export function viewParameters(view: MatrixView): number[] {
  return [view.offset, view.step, view.rows, view.cols];
}

/** A source's constants, as the library's part `load` declares them. */
export function sourceConstants(x: MatrixView): Record<string, number> {
  return {
    X_SIZE: x.elementBytes,
    X_CHANNELS: x.channels,
    X_WORDS: pixelBytes(x),
    X_PER_WORD: 4 / x.elementBytes,
  };
}

/** Everything that a dispatch on matrices binds and sets. */
export function matrixDispatch(run: MatrixRun): MatrixDispatch {
  const { y, x, mask } = run;
  const phase = quadPhase(y);
  const quads = Math.ceil((phase + y.cols) / 4);
  return {
    overrides: {
      VIEWS: !y.whole || mask !== undefined || (x !== undefined && quadPhase(x) !== phase),
      Y_SIZE: y.elementBytes,
      Y_CHANNELS: y.channels,
      Y_WORDS: pixelBytes(y),
      Y_PER_WORD: 4 / y.elementBytes,
      ...(x && sourceConstants(x)),
      ...run.overrides,
    },
    bindings: {
      y: y.allocation,
      ...(x && { x: x.allocation }),
      ...(mask && { mask: mask.allocation }),
      ...run.bindings,
    },
    uniforms: {
      y_view: viewParameters(y),
      y_quads: [phase, quads, quads * y.rows, (y.offset - phase * pixelBytes(y)) / 4],
      ...(x && { x_view: viewParameters(x) }),
      ...(mask && { mask_view: viewParameters(mask) }),
      ...run.uniforms,
    },
    workgroups: foldWorkgroups(Math.ceil(quads * y.rows / WORKGROUP)),
  };
}

/** Columns of the first quad that lie before the view: quads begin at every fourth pixel of the whole matrix. */
function quadPhase(view: MatrixView): number {
  return view.offset % view.step / pixelBytes(view) % 4;
}

function pixelBytes(view: MatrixView): number {
  return view.channels * view.elementBytes;
}
