import { GpuError } from "./errors.ts";
import { closingBracket, elementType } from "./storage_text.ts";

/** The 16-bit type that stands in storage for a 32-bit one. */
const HALVES: Readonly<Record<string, string>> = { f32: "f16", vec2f: "vec2h", vec4f: "vec4h" };

/** The largest finite number of 16 bits; larger ones are stored as it, not as infinity. */
const LARGEST = "65504.0";

/**
 * Rewrites a kernel so that some of its storage holds floats of 16 bits: declarations, loads (widened as they are read)
 * and stores (narrowed as they are written). All arithmetic stays in 32 bits.
 *
 * @param code WGSL without comments, whose stores to these arrays are plain assignments.
 * @param names the `array<f32>`, `array<vec2f>` or `array<vec4f>` variables (or aliases of these types) to narrow.
 * @throws {GpuError} if a variable is of another type, or is used in another way than by index.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * const code = "var<storage, read_write> x: array<f32>;\nfn f(i: u32) { x[i] = x[i + 1u] * 2.0; }";
 * assertEquals(
 *   halveStorage(code, "double", ["x"]),
 *   "enable f16;\nvar<storage, read_write> x: array<f16>;\n" +
 *     "fn f(i: u32) { x[i] = f16(clamp(f32(x[i + 1u]) * 2.0, f32(-65504.0), f32(65504.0))); }",
 * );
 * ```
 */
export function halveStorage(code: string, kernel: string, names: readonly string[]): string {
  const types = new Map<string, string>();
  let declared = code;
  for (const name of names) {
    const declaration = new RegExp(`(var<storage, read_write>\\s+${name}\\s*:\\s*array<)(\\w+)(>)`);
    const type = elementType(code, name);
    const half = HALVES[type ?? ""];
    if (type === undefined || half === undefined) {
      throw new GpuError(
        `Cannot narrow the storage of ${kernel}: "${name}" is no array of f32, vec2f or vec4f; use it with f32`,
      );
    }
    types.set(name, type);
    declared = declared.replace(declaration, `$1${half}$3`);
  }
  return types.size === 0 ? code : `enable f16;\n${rewritten(declared, kernel, types)}`;
}

/** Loads and stores of a stretch of code, indices and right-hand sides included. */
function rewritten(code: string, kernel: string, types: ReadonlyMap<string, string>): string {
  const use = new RegExp(`\\b(${[...types.keys()].join("|")})\\s*\\[`);
  let output = "";
  for (let rest = code;;) {
    const found = use.exec(rest);
    if (!found) return output + rest;
    const [name, open] = [found[1]!, found.index + found[0].length];
    const type = types.get(name)!;
    const close = closingBracket(rest, open);
    output += rest.slice(0, found.index);
    const place = `${name}[${rewritten(rest.slice(open, close), kernel, types)}]`;
    rest = rest.slice(close + 1);
    const store = /^(\s*(?:\.\s*\w+|\[[^\]]*\])?\s*)=(?!=)/.exec(rest);
    if (!store) {
      if (/^\s*(?:[-+*/%&|^]|<<|>>)=|^\s*(?:\+\+|--)/.test(rest)) {
        throw new GpuError(
          `Cannot narrow the storage of ${kernel}: "${name}" is changed in place; write x[i] = x[i] + y`,
        );
      }
      output += `${type}(${place})`;
      continue;
    }
    const end = rest.indexOf(";");
    const value = rewritten(rest.slice(store[0].length, end).trim(), kernel, types);
    const part = store[1]!.trim();
    const stored = part === "" ? type : "f32";
    output += `${place}${part} = ${
      HALVES[stored]
    }(clamp(${value}, ${stored}(-${LARGEST}), ${stored}(${LARGEST})))`;
    rest = rest.slice(end);
  }
}
