/**
 * WGSL functions of `vec4f` and `vec4i` that element-wise expressions may call, for what WGSL leaves out or drivers do
 * with large errors. Polynomials without a source named are least-maximum fits made for this file (Lawson's iteration),
 * with their error over the interval given.
 *
 * @module
 */

/** A number as a WGSL `f32` literal; infinities become the largest finite value. */
export function literal(value: number): string {
  const largest = 3.4028234663852886e38;
  const single = Math.fround(Math.max(-largest, Math.min(largest, value)));
  return `${single}f`;
}

/** A number as a WGSL `f32` expression, infinities and NaN included: WGSL has no literals for these. */
export function exactLiteral(value: number): string {
  const single = Math.fround(value);
  if (Number.isFinite(single)) return `${single}f`;
  const [bits] = new Uint32Array(Float32Array.of(single).buffer);
  return `float_of(0x${bits!.toString(16)}u)`;
}

/** Coefficients from the highest power, as a chain of `fma` in `x`. */
function polynomial(x: string, coefficients: readonly number[]): string {
  const [first, ...rest] = coefficients;
  return rest.reduce((text, one) => `fma(${text}, ${x}, vec4f(${one}))`, `vec4f(${first})`);
}

/**
 * The functions by name.
 *
 * `exponential` is e^x within 2e-7 for x from -87 to 88 (clamped there): built-in `exp` is allowed to be far off, and
 * on Mesa's software Vulkan an error of 1e-6 in each of a hundred SiLUs grows to 1e-4 at a network's end. Range
 * reduction to half of ln 2 and a polynomial of degree 5, after Moshier's Cephes (expf); the smaller part of ln 2 is
 * multiplied as a whole number (in units of 2^-32), or Mesa would add both parts before it multiplies.
 */
const HELPERS: Readonly<Record<string, string>> = {
  // The bits reach bitcast as an argument: constant expressions may not be infinite or NaN.
  float_of: `fn float_of(bits: u32) -> f32 { return bitcast<f32>(bits); }`,
  is_nan: `fn is_nan(x: vec4f) -> vec4<bool> {
  return (bitcast<vec4u>(x) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u);
}`,
  // As max and min, but a NaN stays one.
  at_least: `fn at_least(x: vec4f, low: vec4f) -> vec4f { return select(x, low, x < low); }`,
  at_most: `fn at_most(x: vec4f, high: vec4f) -> vec4f { return select(x, high, x > high); }`,
  exponential: `fn exponential(power: vec4f) -> vec4f {
  let x = at_most(at_least(power, vec4f(-87.0)), vec4f(88.0));
  let n = vec4i(round(x * 1.44269504));
  let r = fma(vec4f(n), vec4f(-0.693359375), x) + vec4f(n * 911368) * 2.3283064365386963e-10;
  var p = fma(r, vec4f(1.9875691500e-4), vec4f(1.3981999507e-3));
  p = fma(p, r, vec4f(8.3334519073e-3));
  p = fma(p, r, vec4f(4.1665795894e-2));
  p = fma(p, r, vec4f(1.6666665459e-1));
  p = fma(p, r, vec4f(5.0000001201e-1));
  return fma(p, r * r, r + 1.0) * bitcast<vec4f>((n + 127) << vec4u(23u));
}`,
  // e^x - 1, by the same polynomial; exact to rounding near 0, too.
  exponential_less_one: `fn exponential_less_one(power: vec4f) -> vec4f {
  let x = at_most(at_least(power, vec4f(-87.0)), vec4f(88.0));
  let n = vec4i(round(x * 1.44269504));
  let r = fma(vec4f(n), vec4f(-0.693359375), x) + vec4f(n * 911368) * 2.3283064365386963e-10;
  var p = fma(r, vec4f(1.9875691500e-4), vec4f(1.3981999507e-3));
  p = fma(p, r, vec4f(8.3334519073e-3));
  p = fma(p, r, vec4f(4.1665795894e-2));
  p = fma(p, r, vec4f(1.6666665459e-1));
  p = fma(p, r, vec4f(5.0000001201e-1));
  let scale = bitcast<vec4f>((n + 127) << vec4u(23u));
  return fma(fma(p, r * r, r), scale, scale - 1.0);
}`,
  // ln(1 + f) = f - f^2 / 2 + f^3 P(f) for 1 + f from sqrt(1/2) to sqrt(2), within 6e-9: what comes after f.
  logarithm_tail: `fn logarithm_tail(f: vec4f) -> vec4f {
  let p = ${
    polynomial("f", [
      -7.859545824e-2,
      1.288162237e-1,
      -1.312876764e-1,
      1.418119612e-1,
      -1.662455314e-1,
      2.000228608e-1,
      -2.500081043e-1,
      3.333331673e-1,
    ])
  };
  return f * f * fma(p, f, vec4f(-0.5));
}`,
  // With ln 2 in two parts.
  logarithm: `fn logarithm(x: vec4f) -> vec4f {
  let bits = bitcast<vec4i>(x) - vec4i(0x3f3504f3);
  let n = vec4f(bits >> vec4u(23u));
  let f = bitcast<vec4f>((bits & vec4i(0x7fffff)) + vec4i(0x3f3504f3)) - 1.0;
  let tail = fma(n, vec4f(-2.12194440e-4), logarithm_tail(f));
  let ordinary = (x >= vec4f(1.17549435e-38)) & (x <= vec4f(3.4028234e38));
  return select(log(x), fma(n, vec4f(0.693359375), f + tail), ordinary);
}`,
  // ln(1 + x): near 0 without the sum, which would lose x's last digits.
  logarithm_of_one_plus: `fn logarithm_of_one_plus(x: vec4f) -> vec4f {
  let near = (x > vec4f(-0.29)) & (x < vec4f(0.41));
  return select(logarithm(1.0 + x), x + logarithm_tail(x), near);
}`,
  // Some drivers compute tanh by exp and give NaN for large arguments; at 15 it is 1 in f32.
  hyperbolic_tangent: `fn hyperbolic_tangent(x: vec4f) -> vec4f {
  let t = exponential_less_one(2.0 * min(abs(x), vec4f(15.0)));
  return select(sign(x) * (t / (t + 2.0)), x, is_nan(x));
}`,
  hyperbolic_sine: `fn hyperbolic_sine(x: vec4f) -> vec4f {
  let t = exponential_less_one(abs(x));
  return sign(x) * select(0.5 * (t + t / (t + 1.0)), exp(abs(x) - 0.69314718), abs(x) > vec4f(80.0));
}`,
  hyperbolic_cosine: `fn hyperbolic_cosine(x: vec4f) -> vec4f {
  let t = exponential(abs(x));
  return select(0.5 * (t + 1.0 / t), exp(abs(x) - 0.69314718), abs(x) > vec4f(80.0));
}`,
  inverse_hyperbolic_sine: `fn inverse_hyperbolic_sine(x: vec4f) -> vec4f {
  let a = abs(x);
  let near = logarithm_of_one_plus(a + a * a / (1.0 + sqrt(a * a + 1.0)));
  return sign(x) * select(near, logarithm(a) + 0.69314718, a > vec4f(1e9));
}`,
  inverse_hyperbolic_cosine: `fn inverse_hyperbolic_cosine(x: vec4f) -> vec4f {
  let t = x - 1.0;
  let near = logarithm_of_one_plus(t + sqrt(t * (t + 2.0)));
  let result = select(near, logarithm(x) + 0.69314718, x > vec4f(1e9));
  return select(result, vec4f(float_of(0x7fc00000u)), x < vec4f(1.0));
}`,
  inverse_hyperbolic_tangent: `fn inverse_hyperbolic_tangent(x: vec4f) -> vec4f {
  let a = abs(x);
  return sign(x) * 0.5 * logarithm_of_one_plus(2.0 * a / (1.0 - a));
}`,
  // asin(s) = s + s^3 P(s^2) for s up to 1/2, within 5e-9.
  short_arc_sine: `fn short_arc_sine(s: vec4f) -> vec4f {
  let z = s * s;
  let p = ${
    polynomial("z", [
      4.221854616e-2,
      2.414761185e-2,
      4.547709712e-2,
      7.495241777e-2,
      1.666675393e-1,
    ])
  };
  return fma(s * z, p, s);
}`,
  arc_sine: `fn arc_sine(x: vec4f) -> vec4f {
  let a = abs(x);
  let far = a > vec4f(0.5);
  let r = short_arc_sine(select(a, sqrt(0.5 * (1.0 - a)), far));
  return sign(x) * select(r, 1.57079633 - 2.0 * r, far);
}`,
  arc_cosine: `fn arc_cosine(x: vec4f) -> vec4f {
  let a = abs(x);
  let far = a > vec4f(0.5);
  let r = short_arc_sine(select(x, sqrt(0.5 * (1.0 - a)), far));
  return select(1.57079633 - r, select(2.0 * r, 3.14159265 - 2.0 * r, x < vec4f(0.0)), far);
}`,
  // atan(s) = s + s^3 P(s^2) for s up to tan(pi/8), within 7e-10; beyond, the angle to pi/4 or pi/2.
  arc_tangent: `fn arc_tangent(x: vec4f) -> vec4f {
  let a = abs(x);
  let middle = a > vec4f(0.41421356);
  let far = a > vec4f(2.41421356);
  let s = select(select(a, (a - 1.0) / (a + 1.0), middle), -1.0 / a, far);
  let z = s * s;
  let p = ${
    polynomial("z", [
      -6.083445550e-2,
      1.059599817e-1,
      -1.424384822e-1,
      1.999848940e-1,
      -3.333331550e-1,
    ])
  };
  let start = select(select(vec4f(0.0), vec4f(0.785398163), middle), vec4f(1.57079633), far);
  return sign(x) * (start + fma(s * z, p, s));
}`,
  // x P(x^2) up to 1, within 2e-9; beyond, 1 - e^-Q(x), of which e^-Q is within 3e-11.
  error_function: `fn error_function(x: vec4f) -> vec4f {
  let a = min(abs(x), vec4f(4.0));
  let z = a * a;
  let near = ${
    polynomial("z", [
      7.889119544e-5,
      -8.020841283e-4,
      5.189535340e-3,
      -2.685444459e-2,
      1.128360018e-1,
      -3.761262714e-1,
      1.128379166,
    ])
  };
  let far = ${
    polynomial("a", [
      2.168684995e-5,
      -4.413363771e-4,
      4.204561874e-3,
      -2.520825674e-2,
      1.084185773e-1,
      6.332198931e-1,
      1.129578424,
      -1.880402306e-4,
    ])
  };
  let result = sign(x) * select(1.0 - exponential(-far), a * near, a <= vec4f(1.0));
  return select(result, x, is_nan(x));
}`,
  // Whole exponents up to 127 by squaring (exact while the products are); others as 2^(y n) e^(y ln m) for x = m 2^n,
  // whose exponent loses nothing when y n is large.
  power: `fn power(x: vec4f, y: vec4f) -> vec4f {
  let whole = trunc(y) == y;
  let magnitude = abs(x);
  let odd = whole & (fract(y * 0.5) != vec4f(0.0));
  var squared = magnitude;
  var product = vec4f(1.0);
  var left = vec4u(min(abs(y), vec4f(127.0)));
  for (var i = 0u; i < 7u; i++) {
    product = select(product, product * squared, (left & vec4u(1u)) != vec4u(0u));
    squared = squared * squared;
    left = left >> vec4u(1u);
  }
  let by_squaring = select(product, 1.0 / product, y < vec4f(0.0));
  let bits = bitcast<vec4i>(magnitude) - vec4i(0x3f3504f3);
  let n = vec4f(bits >> vec4u(23u));
  let l = logarithm(bitcast<vec4f>((bits & vec4i(0x7fffff)) + vec4i(0x3f3504f3)));
  let k = clamp(round(fma(y, n, y * l * 1.44269504)), vec4f(-252.0), vec4f(254.0));
  let r = fma(fma(y, n, -k), vec4f(0.69314718), y * l);
  let first = vec4i(k) / 2;
  let scale = bitcast<vec4f>((first + 127) << vec4u(23u)) * exponential(r);
  let by_logarithm = scale * bitcast<vec4f>((vec4i(k) - first + 127) << vec4u(23u));
  let ordinary = (magnitude >= vec4f(1.17549435e-38)) & (magnitude <= vec4f(3.4028234e38)) &
    (abs(y) < vec4f(1e9));
  let general = select(pow(magnitude, y), by_logarithm, ordinary);
  let edge = (magnitude == vec4f(0.0)) | (magnitude > vec4f(3.4028234e38));
  let vanishes = (magnitude == vec4f(0.0)) == (y > vec4f(0.0));
  let limit = select(vec4f(float_of(0x7f800000u)), vec4f(0.0), vanishes);
  let result = select(select(general, limit, edge), by_squaring, whole & (abs(y) < vec4f(128.0)));
  let with_sign = select(result, -result, (bitcast<vec4i>(x) < vec4i(0)) & odd);
  let fraction_of_negative = (x < vec4f(0.0)) & !whole & (magnitude <= vec4f(3.4028234e38));
  let no_number = fraction_of_negative | (is_nan(x) & (y != vec4f(0.0))) | is_nan(y);
  return select(with_sign, vec4f(float_of(0x7fc00000u)), no_number);
}`,
  // Integers: a base beyond 1 overflows with any exponent over 31; fractions of negative exponents are cut to 0.
  whole_power: `fn whole_power(x: vec4i, y: vec4i) -> vec4i {
  var left = abs(y);
  left = select(left, 30 + (left & vec4i(1)), left > vec4i(31));
  var squared = x;
  var product = vec4i(1);
  for (var i = 0u; i < 5u; i++) {
    product = select(product, product * squared, (left & vec4i(1)) != vec4i(0));
    squared = squared * squared;
    left = left >> vec4u(1u);
  }
  return select(product, vec4i(0), (y < vec4i(0)) & (abs(x) > vec4i(1)));
}`,
  // What is left of a after whole multiples of b towards zero; the quotient's rounding is mended.
  remainder: `fn remainder(a: vec4f, b: vec4f) -> vec4f {
  var rest = fma(-trunc(a / b), b, a);
  rest = select(rest, rest + abs(b) * sign(a), rest * sign(a) < vec4f(0.0));
  rest = select(rest, rest - abs(b) * sign(a), abs(rest) >= abs(b));
  return select(rest, a, abs(a) < abs(b));
}`,
  // The remainder that has the divisor's sign.
  modulus: `fn modulus(a: vec4i, b: vec4i) -> vec4i {
  let rest = a % b;
  return select(rest, rest + b, (rest != vec4i(0)) & ((rest ^ b) < vec4i(0)));
}`,
  larger: `fn larger(a: vec4f, b: vec4f) -> vec4f {
  return select(max(a, b), a + b, is_nan(a) | is_nan(b));
}`,
  smaller: `fn smaller(a: vec4f, b: vec4f) -> vec4f {
  return select(min(a, b), a + b, is_nan(a) | is_nan(b));
}`,
  // Rounds to what 16 bits hold, half to even: 10 bits behind the point, but whole multiples of 2^-24 at the least.
  // Written out because what pack2x16float makes of numbers beyond 65,504 is left to the driver.
  round_to_half: `fn round_to_half(x: vec4f) -> vec4f {
  let bits = bitcast<vec4u>(x) & vec4u(0x7fffffffu);
  let rounded = (bits + 0xfffu + ((bits >> vec4u(13u)) & vec4u(1u))) & vec4u(0xffffe000u);
  let small = round(abs(x) * 16777216.0) * 5.9604644775390625e-8;
  var coarse = select(bitcast<vec4f>(rounded), small, bits < vec4u(0x38800000u));
  coarse = select(coarse, vec4f(float_of(0x7f800000u)), rounded >= vec4u(0x47800000u));
  let with_sign = bitcast<vec4f>(bitcast<vec4u>(coarse) | (bitcast<vec4u>(x) & vec4u(0x80000000u)));
  return select(with_sign, x, is_nan(x));
}`,
};

/** The texts of the helpers that an expression or a list of them calls, and of those that these call. */
export function helpersOf(text: string): string[] {
  const needed = new Set<string>();
  const visit = (caller: string): void => {
    for (const [called] of caller.matchAll(/\b\w+(?=\()/g)) {
      const helper = HELPERS[called];
      if (helper === undefined || needed.has(called)) continue;
      needed.add(called);
      visit(helper);
    }
  };
  visit(text);
  return [...needed].map((name) => HELPERS[name]!);
}
