/**
 * Private arrays with constant indices only, as what they are: variables, or values. Unrolled kernels have hundreds of
 * elements, and compilers take long to find that out for themselves (Naga and Mesa together about a third of a kernel's
 * preparation).
 *
 * @module
 */

/** A declaration of a private array: its place in the text, its element type, and the values that it begins with, if any. */
interface ArrayDeclaration {
  readonly start: number;
  readonly end: number;
  readonly name: string;
  readonly type: string;
  readonly values: readonly string[] | undefined;
}

/**
 * The text with a variable `NAME_i` in place of each element `NAME[i]` of the functions' arrays that are never indexed by
 * anything but a number, nor used as a whole; one that is declared without a value, and gets but one, is a `let`. An
 * array keeps its form if any of its name in the function does not allow it.
 *
 * @param code WGSL without comments, its constant indices written as numbers.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * assertEquals(
 *   arraysAsVariables("var a: array<f32, 2>; a[0u] = 1.0; a[1u] = a[0u];"),
 *   "  let a_0: f32 = 1.0; let a_1: f32 = a_0;",
 * );
 * ```
 */
export function arraysAsVariables(code: string): string {
  // Names belong to the function that declares them.
  return code.split(/(?=\bfn\s+\w+\s*\()/).map(elementsAsVariables).join("");
}

function elementsAsVariables(code: string): string {
  const declarations = arrayDeclarations(code);
  const uses = new Map<string, Set<number>>();
  for (const name of new Set(declarations.map((declaration) => declaration.name))) {
    const indices = constantIndices(code, name, declarations.filter((one) => one.name === name).length);
    if (indices) uses.set(name, indices);
  }
  if (uses.size === 0) return code;
  let output = "", done = 0;
  for (const { start, end, name, type, values } of declarations) {
    const indices = uses.get(name);
    if (!indices) continue;
    const variables = [...indices].toSorted((a, b) => a - b).map((index) => {
      const value = values?.[index];
      return value === undefined
        ? `var ${name}_${index}: ${type};`
        : `var ${name}_${index}: ${type} = ${value};`;
    });
    output += code.slice(done, start) + variables.join(" ");
    done = end;
  }
  output += code.slice(done);
  const names = [...uses.keys()].join("|");
  const element = new RegExp(`(?<![.\\w])(${names})\\[(\\d+)u?\\]`, "g");
  return constantsAsLets(output.replaceAll(element, "$1_$2"), names);
}

/** A variable that may have one value only. */
interface OnlyValue {
  readonly declaration: readonly [start: number, end: number];
  /** Its type, from the colon on. */
  readonly type: string;
  /** The block that declares it. */
  readonly block: number;
  /** From the statement that assigns to it to that statement's end; `undefined` before that was found. */
  assignment?: readonly [start: number, end: number];
  /** Whether it is used in another way than to be given one value and then be read. */
  otherwise?: boolean;
}

/** What may stand behind a name that is written to, or has a part taken that only a variable has. */
const WRITTEN = /^\s*\)*\s*(\.\s*\w+\s*)*(\[|([-+*/%&|^]|<<|>>)?=(?!=)|\+\+|--)/;

/**
 * The same with a `let` for each variable `NAME_i` that gets its only value by a statement of the block that declares it,
 * before all else. Naga and Mesa keep each variable in memory until they have found that out.
 */
function constantsAsLets(code: string, names: string): string {
  const current = new Map<string, OnlyValue>();
  const all: OnlyValue[] = [];
  const blocks = [0];
  let opened = 0;
  for (const { 0: token, index } of code.matchAll(new RegExp(`[{}]|(?<![.\\w])(?:${names})_\\d+\\b`, "g"))) {
    if (token === "{") blocks.push(++opened);
    else if (token === "}") blocks.pop();
    else {
      const block = blocks.at(-1)!;
      const end = index + token.length;
      const after = code.slice(end, end + 40);
      if (code.slice(index - 4, index) === "var ") {
        const type = /^: [^=;]+;/.exec(after)?.[0] ?? "";
        const outer = current.get(token);
        const nested = outer !== undefined && blocks.includes(outer.block);
        const one: OnlyValue = {
          declaration: [index - 4, end + type.length],
          type: type.slice(0, -1),
          block,
          otherwise: type === "" || nested,
        };
        // Which of two a name means is not looked into.
        if (nested) outer.otherwise = true;
        current.set(token, one);
        all.push(one);
        continue;
      }
      const one = current.get(token);
      if (!one) continue;
      if (one.assignment) {
        if (index < one.assignment[1] || WRITTEN.test(after)) one.otherwise = true;
      } else {
        const begins = /[;{}]\s*$/.test(code.slice(Math.max(index - 40, 0), index));
        if (!begins || block !== one.block || !/^\s*=(?!=)/.test(after)) one.otherwise = true;
        one.assignment = [index, code.indexOf(";", index)];
      }
    }
  }
  const edits = all.filter(({ assignment, otherwise }) => assignment && !otherwise)
    .flatMap(({ declaration, type, assignment: [start] = [0] }) => {
      const name = /^\w+/.exec(code.slice(start))![0];
      return [
        { start: declaration[0], end: declaration[1], text: "" },
        // With its type: that of a number without a suffix would be another one.
        { start, end: start + name.length, text: `let ${name}${type}` },
      ];
    })
    .sort((a, b) => a.start - b.start);
  let output = "", done = 0;
  for (const { start, end, text } of edits) {
    output += code.slice(done, start) + text;
    done = end;
  }
  return output + code.slice(done);
}

/** All `var NAME: array<T, N>;` and `var NAME = array<T, N>(...);`, in the text's order. */
function arrayDeclarations(code: string): ArrayDeclaration[] {
  const found: ArrayDeclaration[] = [];
  for (const { 0: head, 1: name, 2: sign, index } of code.matchAll(/\bvar\s+(\w+)\s*(:|=)\s*array\s*</g)) {
    const open = index + head.length;
    const close = closing(code, open, "<", ">");
    const comma = code.lastIndexOf(",", close);
    const type = code.slice(open, comma).trim();
    const rest = /^\s*(\(|;)/.exec(code.slice(close + 1));
    // An array of arrays is left to the compilers.
    if (comma < open || !rest || type.startsWith("array") || (sign === ":") !== (rest[1] === ";")) continue;
    const after = close + 1 + rest[0].length;
    if (sign === ":") found.push({ start: index, end: after, name: name!, type, values: undefined });
    else {
      const end = closing(code, after, "(", ")");
      const semicolon = code.indexOf(";", end);
      if (code.slice(end + 1, semicolon).trim() !== "") continue;
      const values = argumentsOf(code.slice(after, end));
      found.push({ start: index, end: semicolon + 1, name: name!, type, values });
    }
  }
  return found;
}

/** The indices of an array that is used by number only, in all its declarations; `undefined` for one that is not. */
function constantIndices(code: string, name: string, declared: number): Set<number> | undefined {
  if (new RegExp(`\\b${name}_\\d`).test(code)) return undefined;
  const all = code.match(new RegExp(`(?<![.\\w])${name}\\b`, "g"))!.length;
  const indexed = [...code.matchAll(new RegExp(`(?<![.\\w&])${name}\\[(\\d+)u?\\]`, "g"))];
  if (indexed.length === 0 || all !== indexed.length + declared) return undefined;
  return new Set(indexed.map((use) => Number(use[1])));
}

/** The index of the bracket that ends what begins at `start`. */
function closing(code: string, start: number, opens: string, closes: string): number {
  let depth = 1;
  for (let i = start; i < code.length; i++) {
    if (code[i] === opens) depth++;
    else if (code[i] === closes && --depth === 0) return i;
  }
  return code.length;
}

/** What stands between commas that no bracket holds. */
function argumentsOf(text: string): string[] {
  const parts = [""];
  let depth = 0;
  for (const letter of text) {
    if ("([<".includes(letter)) depth++;
    else if (")]>".includes(letter)) depth--;
    if (letter === "," && depth === 0) parts.push("");
    else parts[parts.length - 1] += letter;
  }
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}
