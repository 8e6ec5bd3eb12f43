/**
 * The functions that act on each element alone: what they are in WGSL (on `vec4f` for floats, `vec4i` for integers and
 * booleans) and on the host.
 *
 * @module
 */
import { type DType, type GpuScalar, isFloat } from "../tensor/dtype.ts";
import type { Node } from "./node.ts";
import { attr } from "./attribute.ts";
import { exactLiteral } from "./pointwise_math.ts";
import { roundHalfEven } from "./rounding.ts";

/** What an element is on the host: integers are `bigint`, so that arithmetic in 64 bits is exact. */
export type Element = number | bigint | boolean;

/** What the function of one or two elements is, for each kind of element that it takes. */
interface Kinds<Numbers extends unknown[], Integers extends unknown[], Booleans extends unknown[]> {
  readonly floats?: (...x: Numbers) => number | boolean;
  readonly integers?: (...x: Integers) => bigint | boolean;
  readonly booleans?: (...x: Booleans) => boolean;
  /** The result is a boolean whatever the argument is. */
  readonly tests?: true;
  /** The operator set that brought it; 6 or 7 if left out. */
  readonly since?: number;
}

/** A function of one element and constant parameters. */
export interface UnaryFunction extends
  Kinds<
    [x: number, parameters: readonly number[]],
    [x: bigint, parameters: readonly number[]],
    [x: boolean]
  > {
  wgsl(x: string, parameters: readonly number[], scalar: GpuScalar): string;
  /** Reads the parameters of a node that are attributes. */
  readonly parameters?: (node: Node) => number[];
}

/** A function of two elements. */
export interface BinaryFunction extends
  Kinds<
    [a: number, b: number],
    [a: bigint, b: bigint],
    [a: boolean, b: boolean]
  > {
  wgsl(a: string, b: string, aScalar: GpuScalar, bScalar: GpuScalar): string;
  /** Whether `f(a, b) = f(b, a)`. */
  readonly commutes?: true;
  /** Takes any number of tensors, from one. */
  readonly variadic?: true;
}

/** A number as four lanes of a word. Integers beyond 32 bits are brought to the end of the range. */
export function splat(value: number, scalar: GpuScalar = "f32"): string {
  if (scalar === "f32") return `vec4f(${exactLiteral(value)})`;
  return `vec4i(${Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.trunc(value)))})`;
}

const zero = (scalar: GpuScalar): string => scalar === "f32" ? "vec4f(0.0)" : "vec4i(0)";

/** Attributes of type float with their defaults, in order. */
function attributes(
  ...defaults: readonly (readonly [name: string, value: number])[]
): (node: Node) => number[] {
  return (node) => defaults.map(([name, value]) => attr.float(node, name, value));
}

/** A function of floats alone. */
function real(
  wgsl: (x: string) => string,
  floats: (x: number) => number,
  since?: number,
): UnaryFunction {
  return { wgsl, floats, ...(since !== undefined && { since }) };
}

/** e^x - 1 for x below 0, and x above, scaled. */
function exponentialUnit(
  parameters: (node: Node) => number[],
  of: (x: string, p: readonly string[]) => string,
  floats: (
    x: number,
    p: readonly number[],
  ) => number,
  since?: number,
): UnaryFunction {
  return {
    parameters,
    wgsl: (x, p) => of(x, p.map((one) => splat(one))),
    floats,
    ...(since !== undefined && { since }),
  };
}

const SQRT_HALF = Math.SQRT1_2;
const GELU_TANH = [Math.sqrt(2 / Math.PI), 0.044715] as const;

/** erf by its series, or by the continued fraction of erfc (Lentz) for larger arguments; within 1e-15. */
export function errorFunction(x: number): number {
  const a = Math.abs(x);
  if (!(a < 6)) return Number.isNaN(x) ? x : Math.sign(x);
  if (a < 2.5) {
    let term = a;
    let sum = a;
    for (let n = 1; Math.abs(term) > 1e-17 * sum; n++) {
      term *= -a * a / n;
      sum += term / (2 * n + 1);
    }
    return Math.sign(x) * 2 / Math.sqrt(Math.PI) * sum;
  }
  let fraction = 0;
  for (let n = 60; n >= 1; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction));
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const geluExact = (x: number): number => 0.5 * x * (1 + errorFunction(x * SQRT_HALF));
const geluTanh = (x: number): number =>
  0.5 * x * (1 + Math.tanh(GELU_TANH[0] * (x + GELU_TANH[1] * x * x * x)));

const gelu = {
  wgsl: (x: string, [tanh]: readonly number[]): string =>
    tanh
      ? `(0.5 * ${x} * (1.0 + hyperbolic_tangent(${GELU_TANH[0]} * (${x} + ${
        GELU_TANH[1]
      } * ${x} * ${x} * ${x}))))`
      : `(0.5 * ${x} * (1.0 + error_function(${x} * ${SQRT_HALF})))`,
  floats: (x: number, [tanh]: readonly number[]): number => tanh ? geluTanh(x) : geluExact(x),
};

/** ONNX's element-wise functions of one tensor, by operator name, and `Silu`, which passes make of Mul and Sigmoid. */
export const UNARY: Readonly<Record<string, UnaryFunction>> = {
  Abs: { wgsl: (x) => `abs(${x})`, floats: Math.abs, integers: (x) => x < 0n ? -x : x },
  Acos: real((x) => `arc_cosine(${x})`, Math.acos),
  Acosh: real((x) => `inverse_hyperbolic_cosine(${x})`, Math.acosh, 9),
  Asin: real((x) => `arc_sine(${x})`, Math.asin),
  Asinh: real((x) => `inverse_hyperbolic_sine(${x})`, Math.asinh, 9),
  Atan: real((x) => `arc_tangent(${x})`, Math.atan),
  Atanh: real((x) => `inverse_hyperbolic_tangent(${x})`, Math.atanh, 9),
  BitwiseNot: { wgsl: (x) => `(~${x})`, integers: (x) => ~x, since: 18 },
  Ceil: real((x) => `ceil(${x})`, Math.ceil),
  Celu: exponentialUnit(
    attributes(["alpha", 1]),
    (x, [alpha]) =>
      `(at_least(${x}, vec4f(0.0)) + at_most(${alpha} * exponential_less_one(${x} / ${alpha}), vec4f(0.0)))`,
    (x, [alpha]) => Math.max(x, 0) + Math.min(0, alpha! * Math.expm1(x / alpha!)),
    12,
  ),
  Clip: {
    wgsl(x, [low, high], scalar) {
      const [larger, smaller] = scalar === "f32" ? ["at_least", "at_most"] : ["max", "min"];
      const raised = low === -Infinity ? x : `${larger}(${x}, ${splat(low!, scalar)})`;
      return high === Infinity ? raised : `${smaller}(${raised}, ${splat(high!, scalar)})`;
    },
    floats: (x, [low, high]) => Math.min(Math.max(x, low!), high!),
    integers(x, [low, high]) {
      const raised = x < low! ? BigInt(low!) : x;
      return raised > high! ? BigInt(high!) : raised;
    },
  },
  Cos: real((x) => `cos(${x})`, Math.cos),
  Cosh: real((x) => `hyperbolic_cosine(${x})`, Math.cosh, 9),
  Elu: exponentialUnit(
    attributes(["alpha", 1]),
    (x, [alpha]) =>
      `select(${alpha} * exponential_less_one(at_most(${x}, vec4f(0.0))), ${x}, ${x} > vec4f(0.0))`,
    (x, [alpha]) => x > 0 ? x : alpha! * Math.expm1(x),
  ),
  Erf: real((x) => `error_function(${x})`, errorFunction, 9),
  Exp: real((x) => `select(exponential(${x}), exp(${x}), abs(${x}) > vec4f(87.0))`, Math.exp),
  Floor: real((x) => `floor(${x})`, Math.floor),
  Gelu: {
    ...gelu,
    parameters: (node) => [attr.string(node, "approximate", "none") === "tanh" ? 1 : 0],
    since: 20,
  },
  HardSigmoid: {
    parameters: attributes(["alpha", 0.2], ["beta", 0.5]),
    wgsl: (x, [alpha, beta]) => unitRange(`${x} * ${splat(alpha!)} + ${splat(beta!)}`),
    floats: (x, [alpha, beta]) => Math.min(Math.max(x * alpha! + beta!, 0), 1),
  },
  HardSwish: {
    wgsl: (x) => `(${x} * ${unitRange(`${x} * ${exactLiteral(1 / 6)} + 0.5`)})`,
    floats: (x) => x * Math.min(Math.max(x / 6 + 0.5, 0), 1),
    since: 14,
  },
  IsInf: {
    parameters: (node) => ["detect_negative", "detect_positive"].map((name) => attr.int(node, name, 1)),
    wgsl(x, [negative, positive]) {
      const is = (bits: string): string => `vec4i(bitcast<vec4u>(${x}) == vec4u(${bits}))`;
      return `(${negative ? is("0xff800000u") : "vec4i(0)"} | ${positive ? is("0x7f800000u") : "vec4i(0)"})`;
    },
    floats: (x, [negative, positive]) => !!(negative && x === -Infinity || positive && x === Infinity),
    tests: true,
    since: 10,
  },
  IsNaN: { wgsl: (x) => `vec4i(is_nan(${x}))`, floats: Number.isNaN, tests: true, since: 9 },
  LeakyRelu: {
    parameters: attributes(["alpha", 0.01]),
    wgsl: (x, [alpha]) => `select(${x} * ${splat(alpha!)}, ${x}, ${x} >= vec4f(0.0))`,
    floats: (x, [alpha]) => x >= 0 ? x : x * alpha!,
  },
  Log: real((x) => `logarithm(${x})`, Math.log),
  Mish: real((x) => `(${x} * hyperbolic_tangent(${softplusText(x)}))`, (x) => x * Math.tanh(softplus(x)), 18),
  Neg: { wgsl: (x) => `(-${x})`, floats: (x) => -x, integers: (x) => -x },
  Not: { wgsl: (x) => `(vec4i(1) - ${x})`, booleans: (x) => !x, tests: true, since: 1 },
  Reciprocal: real((x) => `(vec4f(1.0) / ${x})`, (x) => 1 / x),
  Relu: {
    wgsl: (x, _, scalar) => scalar === "f32" ? `at_least(${x}, vec4f(0.0))` : `max(${x}, vec4i(0))`,
    floats: (x) => Math.max(x, 0),
    integers: (x) => x > 0n ? x : 0n,
  },
  Round: real((x) => `round(${x})`, roundHalfEven, 11),
  Selu: exponentialUnit(
    attributes(["alpha", 1.67326319217681884765625], ["gamma", 1.05070102214813232421875]),
    (x, [alpha, gamma]) =>
      `(${gamma} * select(${alpha} * exponential_less_one(at_most(${x}, vec4f(0.0))), ${x}, ${x} > vec4f(0.0)))`,
    (x, [alpha, gamma]) => gamma! * (x > 0 ? x : alpha! * Math.expm1(x)),
  ),
  Shrink: {
    parameters: attributes(["bias", 0], ["lambd", 0.5]),
    wgsl: shrinkText,
    floats: (x, [bias, lambda]) => x < -lambda! ? x + bias! : x > lambda! ? x - bias! : 0,
    integers: (x, [bias, lambda]) =>
      BigInt(
        Math.trunc(Number(x) < -lambda! ? Number(x) + bias! : Number(x) > lambda! ? Number(x) - bias! : 0),
      ),
    since: 9,
  },
  Sigmoid: real((x) => `(vec4f(1.0) / (vec4f(1.0) + exponential(-${x})))`, sigmoid),
  Sign: {
    wgsl: (x, _, scalar) => scalar === "f32" ? `select(sign(${x}), ${x}, is_nan(${x}))` : `sign(${x})`,
    floats: Math.sign,
    integers: (x) => x > 0n ? 1n : x < 0n ? -1n : 0n,
    since: 9,
  },
  Silu: real((x) => `(${x} / (vec4f(1.0) + exponential(-${x})))`, (x) => x * sigmoid(x)),
  Sin: real((x) => `sin(${x})`, Math.sin),
  Sinh: real((x) => `hyperbolic_sine(${x})`, Math.sinh, 9),
  Softplus: real(softplusText, softplus),
  Softsign: real((x) => `(${x} / (1.0 + abs(${x})))`, (x) => x / (1 + Math.abs(x))),
  Sqrt: real((x) => `sqrt(${x})`, Math.sqrt),
  Swish: {
    parameters: attributes(["alpha", 1]),
    wgsl: (x, [alpha]) => `(${x} / (vec4f(1.0) + exponential(${splat(-alpha!)} * ${x})))`,
    floats: (x, [alpha]) => x * sigmoid(alpha! * x),
    since: 24,
  },
  Tan: real((x) => `tan(${x})`, Math.tan),
  Tanh: real((x) => `hyperbolic_tangent(${x})`, Math.tanh),
  ThresholdedRelu: {
    parameters: attributes(["alpha", 1]),
    wgsl: (x, [alpha]) => `select(vec4f(0.0), ${x}, ${x} > ${splat(alpha!)})`,
    floats: (x, [alpha]) => x > alpha! ? x : 0,
  },
};

function unitRange(x: string): string {
  return `at_most(at_least(${x}, vec4f(0.0)), vec4f(1.0))`;
}

function softplusText(x: string): string {
  return `(at_least(${x}, vec4f(0.0)) + logarithm_of_one_plus(exponential(-abs(${x}))))`;
}

function shrinkText(x: string, [bias, lambda]: readonly number[], scalar: GpuScalar): string {
  if (scalar === "i32") return `vec4i(${shrinkText(`vec4f(${x})`, [bias!, lambda!], "f32")})`;
  const [b, l] = [splat(bias!), splat(lambda!)];
  return `select(select(vec4f(0.0), ${x} - ${b}, ${x} > ${l}), ${x} + ${b}, ${x} < -${l})`;
}

const infix = (sign: string) => (a: string, b: string): string => `(${a} ${sign} ${b})`;

/** A test of two elements. */
function comparison(
  sign: string,
  floats: (a: number, b: number) => boolean,
  integers: (a: bigint, b: bigint) => boolean,
  since = 7,
): BinaryFunction {
  return { wgsl: (a, b) => `vec4i(${a} ${sign} ${b})`, floats, integers, tests: true, since };
}

/** A function of booleans. */
function logical(sign: string, booleans: (a: boolean, b: boolean) => boolean): BinaryFunction {
  return { wgsl: infix(sign), booleans, tests: true, commutes: true };
}

/** A function of the bits of integers. */
function bitwise(sign: string, integers: (a: bigint, b: bigint) => bigint): BinaryFunction {
  return { wgsl: infix(sign), integers, commutes: true, since: 18 };
}

/** ONNX's element-wise functions of two tensors, by operator name. */
export const BINARY: Readonly<Record<string, BinaryFunction>> = {
  Add: { wgsl: infix("+"), floats: (a, b) => a + b, integers: (a, b) => a + b, commutes: true },
  And: logical("&", (a, b) => a && b),
  BitwiseAnd: bitwise("&", (a, b) => a & b),
  BitwiseOr: bitwise("|", (a, b) => a | b),
  BitwiseXor: bitwise("^", (a, b) => a ^ b),
  Div: { wgsl: infix("/"), floats: (a, b) => a / b, integers: (a, b) => a / b },
  Equal: {
    ...comparison("==", (a, b) => a === b, (a, b) => a === b),
    booleans: (a, b) => a === b,
    commutes: true,
  },
  Greater: comparison(">", (a, b) => a > b, (a, b) => a > b),
  GreaterOrEqual: comparison(">=", (a, b) => a >= b, (a, b) => a >= b, 12),
  Less: comparison("<", (a, b) => a < b, (a, b) => a < b),
  LessOrEqual: comparison("<=", (a, b) => a <= b, (a, b) => a <= b, 12),
  Max: {
    wgsl: (a, b, scalar) => `${scalar === "f32" ? "larger" : "max"}(${a}, ${b})`,
    floats: Math.max,
    integers: (a, b) => a > b ? a : b,
    commutes: true,
    variadic: true,
  },
  Mean: { wgsl: infix("+"), floats: (a, b) => a + b, commutes: true, variadic: true },
  Min: {
    wgsl: (a, b, scalar) => `${scalar === "f32" ? "smaller" : "min"}(${a}, ${b})`,
    floats: Math.min,
    integers: (a, b) => a < b ? a : b,
    commutes: true,
    variadic: true,
  },
  // Of floats the remainder of the division towards zero; of integers that with the divisor's sign.
  Mod: {
    wgsl: (a, b, scalar) => `${scalar === "f32" ? "remainder" : "modulus"}(${a}, ${b})`,
    floats: (a, b) => a % b,
    integers: (a, b) => (a % b + b) % b,
    since: 10,
  },
  Mul: { wgsl: infix("*"), floats: (a, b) => a * b, integers: (a, b) => a * b, commutes: true },
  Or: logical("|", (a, b) => a || b),
  Pow: {
    wgsl(a, b, aScalar, bScalar) {
      if (aScalar === "i32" && bScalar === "i32") return `whole_power(${a}, ${b})`;
      const result = `power(vec4f(${a}), vec4f(${b}))`;
      return aScalar === "i32" ? `vec4i(${result})` : result;
    },
    floats: Math.pow,
    integers: (a, b) => b >= 0n ? a ** b : a === 1n || a === -1n ? a ** -b : 0n,
  },
  PRelu: {
    wgsl: (a, b, scalar) => `select(${a} * ${b}, ${a}, ${a} >= ${zero(scalar)})`,
    floats: (a, b) => a >= 0 ? a : a * b,
    integers: (a, b) => a >= 0n ? a : a * b,
  },
  /** Mod with `fmod` = 1, which operator sets have no name for: the remainder of the division towards zero. */
  Remainder: {
    wgsl: (a, b, scalar) => scalar === "f32" ? `remainder(${a}, ${b})` : `(${a} % ${b})`,
    floats: (a, b) => a % b,
    integers: (a, b) => a % b,
  },
  Sub: { wgsl: infix("-"), floats: (a, b) => a - b, integers: (a, b) => a - b },
  Sum: { wgsl: infix("+"), floats: (a, b) => a + b, commutes: true, variadic: true },
  Xor: logical("^", (a, b) => a !== b),
};

/** Whether a function takes elements of a type. */
export function takes(one: UnaryFunction | BinaryFunction, dtype: DType): boolean {
  if (dtype === "bool") return one.booleans !== undefined;
  return (isFloat(dtype) ? one.floats : one.integers) !== undefined;
}

/** The type of a function's result, given that of its first argument. */
export function resultType(one: UnaryFunction | BinaryFunction, dtype: DType): DType {
  return one.tests ? "bool" : dtype;
}
