import { realRoots } from "./real_roots.ts";
import { nullSpace } from "./small_matrices.ts";

/** Most essential matrices through five pairs. */
export const MOST_ESSENTIAL = 10;

// A linear form has the coefficients of x, y, z, 1; a quadratic one of the 10 products of two, a cubic one of 20 monomials.
/** Exponents of x, y, z of the monomials, in the order in which they are eliminated. */
const CUBIC = "300 030 210 120 201 200 021 020 111 110 102 101 100 012 011 010 003 002 001 000".split(" ");
const QUADRATIC = "200 020 002 110 101 011 100 010 001 000".split(" ");
const LINEAR = "100 010 001 000".split(" ");
/** Where the product of a quadratic monomial and a linear one stands: `[4 * quadratic + linear]`. */
const TO_CUBIC = products(QUADRATIC, LINEAR, CUBIC);
const TO_QUADRATIC = products(LINEAR, LINEAR, QUADRATIC);

function products(as: readonly string[], bs: readonly string[], to: readonly string[]): Uint8Array {
  return Uint8Array.from(
    as.flatMap((a) =>
      bs.map((b) => to.indexOf(Array.from(a, (digit, i) => Number(digit) + Number(b[i])).join("")))
    ),
  );
}

/** Adds `factor` times the product of two linear forms. */
function addLinear(
  a: Float64Array,
  atA: number,
  b: Float64Array,
  atB: number,
  factor: number,
  out: Float64Array,
  at: number,
) {
  for (let i = 0; i < 4; i++) {
    const x = factor * a[atA + i]!;
    for (let j = 0; j < 4; j++) out[at + TO_QUADRATIC[4 * i + j]!]! += x * b[atB + j]!;
  }
}

/** Adds the product of a quadratic form and a linear one. */
function addQuadratic(
  a: Float64Array,
  atA: number,
  b: Float64Array,
  atB: number,
  out: Float64Array,
  at: number,
) {
  for (let i = 0; i < 10; i++) {
    const x = a[atA + i]!;
    for (let j = 0; j < 4; j++) out[at + TO_CUBIC[4 * i + j]!]! += x * b[atB + j]!;
  }
}

/**
 * The essential matrices through five pairs of calibrated points (D. Nistér, An efficient solution to the five-point
 * relative pose problem, 2004). With a basis of the matrices that fulfil the five epipolar constraints, the matrix is
 * x X + y Y + z Z + W; the determinant and 2 E E' E - trace(E E') E = 0 make ten cubic equations, which elimination leads to
 * a polynomial of degree 10 in z.
 */
export class FivePoint {
  /** Five rows of the epipolar constraint; written before {@linkcode solve}, which overwrites them. */
  readonly rows = new Float64Array(5 * 9);
  readonly #basis = new Float64Array(4 * 9);
  readonly #forms = new Float64Array(9 * 4);
  readonly #gram = new Float64Array(9 * 10);
  readonly #trace = new Float64Array(10);
  readonly #system = new Float64Array(10 * 20);
  /** Three rows of polynomials in z: the factors of x, of y, and of 1; 5 coefficients each. */
  readonly #inZ = new Float64Array(3 * 3 * 5);
  readonly #polynomial = new Float64Array(11);
  readonly #roots = new Float64Array(11);

  /** Writes the matrices, of length 1, one after the other; returns how many. */
  solve(out: Float64Array): number {
    if (!nullSpace(this.rows, 5, 9, this.#basis)) return 0;
    for (let e = 0; e < 9; e++) {
      for (let v = 0; v < 4; v++) this.#forms[4 * e + v] = this.#basis[9 * v + e]!;
    }
    this.#equations();
    if (!this.#eliminate()) return 0;
    this.#hideZ();
    this.#determinant();
    const roots = realRoots(this.#polynomial, 10, this.#roots);
    let count = 0;
    for (let r = 0; r < roots && count < MOST_ESSENTIAL; r++) {
      if (this.#matrix(this.#roots[r]!, out, 9 * count)) count++;
    }
    return count;
  }

  #equations(): void {
    const forms = this.#forms,
      gram = this.#gram.fill(0),
      trace = this.#trace.fill(0),
      system = this.#system.fill(0);
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) {
        for (let k = 0; k < 3; k++) {
          addLinear(forms, 4 * (3 * i + k), forms, 4 * (3 * j + k), 1, gram, 10 * (3 * i + j));
        }
      }
    }
    for (let i = 0; i < 10; i++) trace[i] = (gram[i]! + gram[40 + i]! + gram[80 + i]!) / 2;
    // E E' less half its trace on the diagonal, times E.
    for (let i = 0; i < 9; i += 4) {
      for (let k = 0; k < 10; k++) gram[10 * i + k]! -= trace[k]!;
    }
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) {
        for (let k = 0; k < 3; k++) {
          addQuadratic(gram, 10 * (3 * i + k), forms, 4 * (3 * k + j), system, 20 * (3 * i + j));
        }
      }
    }
    const minor = trace;
    for (let j = 0; j < 3; j++) {
      const p = (j + 1) % 3, q = (j + 2) % 3;
      minor.fill(0);
      addLinear(forms, 4 * (3 + p), forms, 4 * (6 + q), 1, minor, 0);
      addLinear(forms, 4 * (3 + q), forms, 4 * (6 + p), -1, minor, 0);
      addQuadratic(minor, 0, forms, 4 * j, system, 180);
    }
  }

  /** Gauss and Jordan on the first ten columns, with row pivots; only the rows that are used after are made whole. */
  #eliminate(): boolean {
    const m = this.#system;
    for (let c = 0; c < 10; c++) {
      let pivot = c;
      for (let r = c + 1; r < 10; r++) {
        if (Math.abs(m[20 * r + c]!) > Math.abs(m[20 * pivot + c]!)) pivot = r;
      }
      const scale = 1 / m[20 * pivot + c]!;
      if (!Number.isFinite(scale)) return false;
      for (let j = c; j < 20; j++) {
        const kept = m[20 * pivot + j]! * scale;
        m[20 * pivot + j] = m[20 * c + j]!;
        m[20 * c + j] = kept;
      }
      for (let r = c < 4 ? c + 1 : 4; r < 10; r++) {
        const factor = m[20 * r + c]!;
        if (r === c || factor === 0) continue;
        for (let j = c; j < 20; j++) m[20 * r + j]! -= factor * m[20 * c + j]!;
      }
    }
    return true;
  }

  /** Rows for x^2 z less z times that of x^2, y^2 z less that of y^2, x y z less that of x y. */
  #hideZ(): void {
    const m = this.#system, out = this.#inZ;
    for (let row = 0; row < 3; row++) {
      const e = 20 * (4 + 2 * row) + 10, f = e + 20, at = 15 * row;
      for (let part = 0; part < 2; part++) {
        const k = 3 * part, to = at + 5 * part;
        out[to] = m[e + k + 2]!;
        out[to + 1] = m[e + k + 1]! - m[f + k + 2]!;
        out[to + 2] = m[e + k]! - m[f + k + 1]!;
        out[to + 3] = -m[f + k]!;
        out[to + 4] = 0;
      }
      out[at + 10] = m[e + 9]!;
      out[at + 11] = m[e + 8]! - m[f + 9]!;
      out[at + 12] = m[e + 7]! - m[f + 8]!;
      out[at + 13] = m[e + 6]! - m[f + 7]!;
      out[at + 14] = -m[f + 6]!;
    }
  }

  #determinant(): void {
    const b = this.#inZ, out = this.#polynomial.fill(0);
    for (let c = 0; c < 3; c++) {
      const p = 5 * ((c + 1) % 3), q = 5 * ((c + 2) % 3);
      for (let i = 0; i < 5; i++) {
        for (let j = 0; j < 5; j++) {
          const minor = b[15 + p + i]! * b[30 + q + j]! - b[15 + q + i]! * b[30 + p + j]!;
          if (minor === 0) continue;
          // The degrees of the three columns are 3, 3, 4: what is beyond 10 is zero.
          for (let k = 0; k < 5 && i + j + k <= 10; k++) out[i + j + k]! += minor * b[5 * c + k]!;
        }
      }
    }
  }

  #matrix(z: number, out: Float64Array, at: number): boolean {
    const b = VALUES;
    for (let i = 0; i < 9; i++) {
      const c = 5 * i, p = this.#inZ;
      b[i] = p[c]! + z * (p[c + 1]! + z * (p[c + 2]! + z * (p[c + 3]! + z * p[c + 4]!)));
    }
    // (x, y, 1) is at right angles to all rows: along the longest product of two.
    let x = 0, y = 0, most = 0;
    for (let r = 0; r < 3; r++) {
      const p = 3 * r, q = 3 * ((r + 1) % 3);
      const u = b[p + 1]! * b[q + 2]! - b[p + 2]! * b[q + 1]!;
      const v = b[p + 2]! * b[q]! - b[p]! * b[q + 2]!;
      const w = b[p]! * b[q + 1]! - b[p + 1]! * b[q]!;
      if (!(Math.abs(w) > most)) continue;
      most = Math.abs(w);
      x = u / w;
      y = v / w;
    }
    if (most === 0) return false;
    let square = 0;
    for (let e = 0; e < 9; e++) {
      const basis = this.#basis;
      const value = x * basis[e]! + y * basis[9 + e]! + z * basis[18 + e]! + basis[27 + e]!;
      out[at + e] = value;
      square += value * value;
    }
    const scale = 1 / Math.sqrt(square);
    for (let e = 0; e < 9; e++) out[at + e]! *= scale;
    return scale > 0 && scale < Infinity;
  }
}

const VALUES = new Float64Array(9);
