/**
 * The functions that act on each element alone: what they are in WGSL (on `vec4f`) and on the host.
 *
 * @module
 */

/** A function of one element and constant parameters. */
export interface UnaryFunction {
  wgsl(x: string, parameters: readonly number[]): string;
  host(x: number, parameters: readonly number[]): number;
}

/** A function of two elements. */
export interface BinaryFunction {
  wgsl(a: string, b: string): string;
  host(a: number, b: number): number;
  /** Whether `f(a, b) = f(b, a)`. */
  commutes: boolean;
}

/** A number as a WGSL `f32` literal; infinities become the largest finite value. */
export function literal(value: number): string {
  const largest = 3.4028234663852886e38;
  const single = Math.fround(Math.max(-largest, Math.min(largest, value)));
  return `${single}f`;
}

/**
 * WGSL functions that expressions here may call; kernels that use such an expression must hold their text.
 *
 * `exponential` is e^x within 2e-7 for x from -87 to 88 (clamped there): built-in `exp` is allowed to be far off, and
 * on Mesa's software Vulkan an error of 1e-6 in each of a hundred SiLUs grows to 1e-4 at a network's end. Range
 * reduction to half of ln 2 and a polynomial of degree 5, after Moshier's Cephes (expf).
 */
export const HELPERS: Readonly<Record<string, string>> = {
  exponential: `fn exponential(power: vec4f) -> vec4f {
  let x = clamp(power, vec4f(-87.0), vec4f(88.0));
  let n = round(x * 1.44269504);
  let r = fma(n, vec4f(2.12194440e-4), fma(n, vec4f(-0.693359375), x));
  var p = fma(r, vec4f(1.9875691500e-4), vec4f(1.3981999507e-3));
  p = fma(p, r, vec4f(8.3334519073e-3));
  p = fma(p, r, vec4f(4.1665795894e-2));
  p = fma(p, r, vec4f(1.6666665459e-1));
  p = fma(p, r, vec4f(5.0000001201e-1));
  return fma(p, r * r, r + 1.0) * bitcast<vec4f>((vec4i(n) + 127) << vec4u(23u));
}`,
};

/** The texts of the helpers that an expression or a list of them calls. */
export function helpersOf(text: string): string[] {
  return Object.entries(HELPERS).filter(([name]) => text.includes(`${name}(`)).map(([, helper]) => helper);
}

const splat = (value: number): string => `vec4f(${literal(value)})`;

/** ONNX's element-wise functions of one tensor, by operator name, and `Silu`, which passes make of Mul and Sigmoid. */
export const UNARY: Readonly<Record<string, UnaryFunction>> = {
  Abs: { wgsl: (x) => `abs(${x})`, host: (x) => Math.abs(x) },
  Ceil: { wgsl: (x) => `ceil(${x})`, host: (x) => Math.ceil(x) },
  Clip: {
    wgsl: (x, [low, high]) => `min(max(${x}, ${splat(low!)}), ${splat(high!)})`,
    host: (x, [low, high]) => Math.min(Math.max(x, low!), high!),
  },
  Elu: {
    wgsl: (x, [alpha]) =>
      `select(${splat(alpha!)} * (exponential(min(${x}, vec4f(0.0))) - 1.0), ${x}, ${x} > vec4f(0.0))`,
    host: (x, [alpha]) => x > 0 ? x : alpha! * Math.expm1(x),
  },
  Exp: {
    wgsl: (x) => `select(exponential(${x}), exp(${x}), abs(${x}) > vec4f(87.0))`,
    host: (x) => Math.exp(x),
  },
  Floor: { wgsl: (x) => `floor(${x})`, host: (x) => Math.floor(x) },
  HardSigmoid: {
    wgsl: (x, [alpha, beta]) =>
      `clamp(${x} * ${literal(alpha!)} + ${literal(beta!)}, vec4f(0.0), vec4f(1.0))`,
    host: (x, [alpha, beta]) => Math.min(Math.max(x * alpha! + beta!, 0), 1),
  },
  HardSwish: {
    wgsl: (x) => `(${x} * clamp(${x} * ${literal(1 / 6)} + 0.5, vec4f(0.0), vec4f(1.0)))`,
    host: (x) => x * Math.min(Math.max(x / 6 + 0.5, 0), 1),
  },
  LeakyRelu: {
    wgsl: (x, [alpha]) => `select(${x} * ${literal(alpha!)}, ${x}, ${x} >= vec4f(0.0))`,
    host: (x, [alpha]) => x >= 0 ? x : x * alpha!,
  },
  Log: { wgsl: (x) => `log(${x})`, host: (x) => Math.log(x) },
  Neg: { wgsl: (x) => `(-${x})`, host: (x) => -x },
  Reciprocal: { wgsl: (x) => `(vec4f(1.0) / ${x})`, host: (x) => 1 / x },
  Relu: { wgsl: (x) => `max(${x}, vec4f(0.0))`, host: (x) => Math.max(x, 0) },
  Sigmoid: {
    wgsl: (x) => `(vec4f(1.0) / (vec4f(1.0) + exponential(-${x})))`,
    host: (x) => 1 / (1 + Math.exp(-x)),
  },
  Silu: {
    wgsl: (x) => `(${x} / (vec4f(1.0) + exponential(-${x})))`,
    host: (x) => x / (1 + Math.exp(-x)),
  },
  Softplus: {
    wgsl: (x) => `(max(${x}, vec4f(0.0)) + log(vec4f(1.0) + exponential(-abs(${x}))))`,
    host: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  },
  Sqrt: { wgsl: (x) => `sqrt(${x})`, host: (x) => Math.sqrt(x) },
  // Some drivers compute tanh by exp and give NaN for large arguments; at 15 it is 1 in f32.
  Tanh: { wgsl: (x) => `tanh(clamp(${x}, vec4f(-15.0), vec4f(15.0)))`, host: (x) => Math.tanh(x) },
};

/** ONNX's element-wise functions of two tensors, by operator name. */
export const BINARY: Readonly<Record<string, BinaryFunction>> = {
  Add: { wgsl: (a, b) => `(${a} + ${b})`, host: (a, b) => a + b, commutes: true },
  Div: { wgsl: (a, b) => `(${a} / ${b})`, host: (a, b) => a / b, commutes: false },
  Max: { wgsl: (a, b) => `max(${a}, ${b})`, host: (a, b) => Math.max(a, b), commutes: true },
  Min: { wgsl: (a, b) => `min(${a}, ${b})`, host: (a, b) => Math.min(a, b), commutes: true },
  Mul: { wgsl: (a, b) => `(${a} * ${b})`, host: (a, b) => a * b, commutes: true },
  PRelu: {
    wgsl: (a, b) => `select(${a} * ${b}, ${a}, ${a} >= vec4f(0.0))`,
    host: (a, b) => a >= 0 ? a : a * b,
    commutes: false,
  },
  Sub: { wgsl: (a, b) => `(${a} - ${b})`, host: (a, b) => a - b, commutes: false },
};
