/**
 * What the text of a kernel says of the arrays in its storage.
 *
 * @module
 */

/** What a type's name stands for, in short form: `vec4f` for an alias of `vec4<f32>`. */
function resolved(code: string, type: string): string {
  const alias = new RegExp(`\\balias\\s+${type}\\s*=\\s*([\\w<>]+)\\s*;`).exec(code)?.[1];
  return alias === undefined
    ? type.replace(/^vec([24])<([fiu])32>$/, "vec$1$2")
    : resolved(code, alias.replace(/<([fiu])32>/, "$1"));
}

/** The type of the elements of a storage array; `undefined` if there is no such array. */
export function elementType(code: string, name: string): string | undefined {
  const declaration = new RegExp(`var<storage,\\s*\\w+>\\s+${name}\\s*:\\s*array<([\\w<>]+)>\\s*;`).exec(
    code,
  );
  return declaration ? resolved(code, declaration[1]!) : undefined;
}

/** The texts of all functions, parameters and body. */
export function functionsOf(code: string): string[] {
  return [...code.matchAll(/\bfn\s+\w+\s*\(/g)].map(({ index }) => {
    let depth = 0;
    for (let i = code.indexOf("{", index); i < code.length; i++) {
      if (code[i] === "{") depth++;
      else if (code[i] === "}" && --depth === 0) return code.slice(index, i + 1);
    }
    return code.slice(index);
  });
}

/** The text with the bodies of all functions empty: what it declares. */
export function withoutBodies(code: string): string {
  return functionsOf(code).reduce(
    (rest, text) => rest.replace(text, () => `${text.slice(0, text.indexOf("{"))}{}`),
    code,
  );
}

/** The index of the bracket that ends what begins at `start`. */
export function closingBracket(code: string, start: number): number {
  let depth = 1;
  for (let i = start; i < code.length; i++) {
    if (code[i] === "[") depth++;
    else if (code[i] === "]" && --depth === 0) return i;
  }
  return code.length;
}

/** WGSL with its comments gone; block comments nest, and hold no line comments. */
export function withoutComments(wgsl: string): string {
  if (!wgsl.includes("/*")) return wgsl.replaceAll(/\/\/[^\n]*/g, "");
  let [code, depth] = ["", 0];
  for (let i = 0; i < wgsl.length;) {
    const two = wgsl.slice(i, i + 2);
    if (two === "/*" || (two === "*/" && depth > 0)) {
      depth += two === "/*" ? 1 : -1;
      i += 2;
    } else if (two === "//" && depth === 0) {
      const end = wgsl.indexOf("\n", i);
      i = end < 0 ? wgsl.length : end;
    } else {
      code += depth === 0 ? wgsl[i] : " ";
      i++;
    }
  }
  return code;
}

/**
 * Whether a statement of the text assigns to `name` or a part of it, or hands out a pointer to it. A pointer counts as
 * a write, since what happens to it is not followed; only `arrayLength` is known to read.
 */
export function assigns(code: string, name: string): boolean {
  const place = `${name}\\s*(\\[[^;{}]*\\]\\s*|\\.\\s*\\w+\\s*)*`;
  const assignment = new RegExp(
    `(^|[;{}(])\\s*\\(*\\s*${place}\\)*\\s*(([-+*/%|&^]|<<|>>)?=(?!=)|\\+\\+|--)`,
    "m",
  );
  // A unary "&" follows no operand; a binary one does.
  const pointer = new RegExp(`(^|[(,=;{:]|\\breturn)\\s*&\\s*\\(*\\s*${name}\\b`, "m");
  const unmeasured = code.replace(/\barrayLength\s*\(\s*&[^)]*\)/g, "0u");
  return assignment.test(code) || pointer.test(unmeasured);
}
