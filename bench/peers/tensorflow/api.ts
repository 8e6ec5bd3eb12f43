/**
 * The little of TensorFlow.js that is used. Its own types are not loaded, so that nobody has to have it who does not
 * run the comparison.
 *
 * @module
 */

/** A tensor of TensorFlow.js. */
export interface Tensor {
  readonly shape: number[];
  data(): Promise<ArrayLike<number>>;
  clone(): Tensor;
  dispose(): void;
}

/** Zeros around an image: a number on all sides, none, or for each side of NHWC. */
export type Padding = "valid" | number | [number, number][];

/** What a fused convolution takes. */
export interface FusedConv {
  x: Tensor;
  filter: Tensor;
  strides: [number, number];
  pad: Padding;
  dataFormat: "NHWC";
  dilations: [number, number];
  bias?: Tensor;
  activation?: string;
  leakyreluAlpha?: number;
}

type Unary = (x: Tensor) => Tensor;
type Binary = (a: Tensor, b: Tensor) => Tensor;
type Pool = (x: Tensor, size: [number, number], strides: [number, number], pad: Padding) => Tensor;
type Reduce = (x: Tensor, axes: number[], keepDims: boolean) => Tensor;
type Resize = (x: Tensor, size: [number, number], alignCorners: boolean, halfPixelCenters: boolean) => Tensor;

/** The functions of `@tensorflow/tfjs-core`. */
export interface TensorFlow {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  tensor(data: Float32Array | Int32Array, shape: readonly number[], dtype?: "float32" | "int32"): Tensor;
  tidy<T>(body: () => T): T;
  keep(x: Tensor): Tensor;
  dispose(tensors: unknown): void;
  reshape(x: Tensor, shape: readonly number[]): Tensor;
  transpose(x: Tensor, permutation: readonly number[]): Tensor;
  concat(tensors: Tensor[], axis: number): Tensor;
  slice(x: Tensor, begin: number[], size: number[]): Tensor;
  gather(x: Tensor, indices: Tensor, axis: number): Tensor;
  pad(x: Tensor, paddings: [number, number][], value: number): Tensor;
  softmax(x: Tensor, axis: number): Tensor;
  clipByValue(x: Tensor, low: number, high: number): Tensor;
  leakyRelu(x: Tensor, alpha: number): Tensor;
  maxPool: Pool;
  avgPool: Pool;
  mean: Reduce;
  sum: Reduce;
  max: Reduce;
  relu: Unary;
  relu6: Unary;
  sigmoid: Unary;
  tanh: Unary;
  exp: Unary;
  log: Unary;
  sqrt: Unary;
  rsqrt: Unary;
  neg: Unary;
  abs: Unary;
  square: Unary;
  softplus: Unary;
  elu: Unary;
  erf: Unary;
  add: Binary;
  sub: Binary;
  mul: Binary;
  div: Binary;
  pow: Binary;
  maximum: Binary;
  minimum: Binary;
  image: { resizeBilinear: Resize; resizeNearestNeighbor: Resize };
  fused: {
    conv2d(options: FusedConv): Tensor;
    depthwiseConv2d(options: FusedConv): Tensor;
    matMul(options: {
      a: Tensor;
      b: Tensor;
      transposeA: boolean;
      transposeB: boolean;
      bias?: Tensor;
      activation?: string;
      leakyreluAlpha?: number;
    }): Tensor;
  };
  matMul(a: Tensor, b: Tensor): Tensor;
}
