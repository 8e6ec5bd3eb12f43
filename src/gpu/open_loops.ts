/** Types by which a constant bound may be converted. */
const TYPES: readonly string[] = ["u32", "i32", "f32"];

/**
 * Keeps Mesa's software Vulkan from putting the values of parameters into loops. It does so where loops hang on
 * parameters alone, and, as soon as that changes the length of the kernel much, compiles it anew at every dispatch and
 * never frees it (Mesa 22.3, `update_inline_shader_state`): a loop of loads from textures is short enough to be unrolled.
 * Every `for` and `while` whose end is no constant gets one more condition, which is always true, and which no compiler
 * knows to be.
 *
 * @param code WGSL without comments.
 * @param open an expression that is `true`, and no constant.
 */
export function openLoops(code: string, open: string): string {
  const constants = new Set([
    ...TYPES,
    ...[...code.matchAll(/\b(?:const|override)\s+(\w+)/g)].map((match) => match[1]!),
  ]);
  const heads = /\b(?:for|while)\s*\(/g;
  let output = "", done = 0;
  for (const head of code.matchAll(heads)) {
    const start = head.index + head[0].length;
    const end = closing(code, start);
    // A condition that begins with a bracket and goes on after it.
    const whole = head[0].startsWith("for") || /^\)\s*\{/.test(code.slice(end));
    const parts = whole ? clauses(code.slice(start, end)) : [];
    const at = parts.length === 3 ? 1 : 0;
    const condition = parts[at]?.trim();
    if (!condition) continue;
    const counter = parts.length === 3 ? /\bvar\s+(\w+)/.exec(parts[0]!)?.[1] : undefined;
    const names = condition.match(/(?<![\w.])[A-Za-z_]\w*/g) ?? [];
    if (names.every((name) => name === counter || constants.has(name))) continue;
    parts[at] = `${at === 1 ? " " : ""}(${condition}) & ${open}`;
    output += code.slice(done, start) + parts.join(";");
    done = end;
  }
  return output + code.slice(done);
}

/** The index of the round bracket that ends what begins at `start`. */
function closing(code: string, start: number): number {
  let depth = 1;
  for (let i = start; i < code.length; i++) {
    if (code[i] === "(") depth++;
    else if (code[i] === ")" && --depth === 0) return i;
  }
  return code.length;
}

/** The three parts of the head of a `for`; a `while`'s one. */
function clauses(head: string): string[] {
  const parts = [""];
  let depth = 0;
  for (const letter of head) {
    if (letter === "(" || letter === "[") depth++;
    else if (letter === ")" || letter === "]") depth--;
    if (letter === ";" && depth === 0) parts.push("");
    else parts[parts.length - 1] += letter;
  }
  return parts;
}
