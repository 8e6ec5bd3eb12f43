import { GpuError } from "./errors.ts";

/** What {@linkcode preprocess} puts into a shader's text. */
export interface PreprocessOptions {
  /** Text for each `//#inject NAME` block; a block that is not named keeps its own lines. */
  inject?: Readonly<Record<string, string>>;
  /** Trip counts for `//#unroll VAR NAME` where NAME is no number. */
  constants?: Readonly<Record<string, number | boolean>>;
  /** Every unrolled loop's body is there once, whatever its count: enough to see what is declared, read and written. */
  once?: boolean;
}

/**
 * Rewrites the marked blocks of a WGSL file. The marks are comments, so the file is valid WGSL without this.
 *
 * - `//#inject NAME` … `//#end`: the lines between are replaced by the text given for NAME.
 * - `//#unroll VAR COUNT` … `//#end` around a `for (var VAR = 0u; VAR < COUNT; VAR++) {` loop: its body is repeated with
 *   VAR replaced by `0u`, `1u`, …, so that private arrays have constant indices and stay in registers. COUNT is a number
 *   or a constant's name. Blocks nest.
 *
 * Constant indices of arrays, sums and products of numbers and named constants, become numbers.
 *
 * @throws {GpuError} naming the line, for a block without an end, an unknown directive or count, and a loop that
 * cannot be unrolled; also for an injection that the file has no place for.
 */
export function preprocess(source: string, name: string, options: PreprocessOptions = {}): string {
  const used = new Set<string>();
  const [output] = expand(source.split(/\r?\n/), 0, false);
  for (const block of Object.keys(options.inject ?? {})) {
    if (!used.has(block)) {
      throw new GpuError(`Cannot preprocess ${name}: it has no block "//#inject ${block}"`);
    }
  }
  return output.map(folded).join("\n");

  function fail(line: number, problem: string): never {
    throw new GpuError(`Cannot preprocess ${name}, line ${line + 1}: ${problem}`);
  }

  function expand(lines: readonly string[], start: number, nested: boolean): [string[], number] {
    const output: string[] = [];
    for (let i = start; i < lines.length; i++) {
      const words = lines[i]!.trim().split(/\s+/);
      if (words[0] === "//#end") {
        if (!nested) fail(i, "//#end without a beginning");
        return [output, i];
      } else if (words[0] === "//#inject") {
        const block = words[1] ?? fail(i, "//#inject needs a name");
        const [body, end] = expand(lines, i + 1, true);
        const replacement = options.inject?.[block];
        used.add(block);
        output.push(...(replacement === undefined ? body : replacement.split("\n")));
        i = end;
      } else if (words[0] === "//#unroll") {
        const [body, end] = expand(lines, i + 1, true);
        output.push(...unroll(body, words[1], words[2], i));
        i = end;
      } else if (words[0]?.startsWith("//#")) {
        fail(i, `unknown directive ${words[0]}`);
      } else {
        output.push(lines[i]!);
      }
    }
    if (nested) fail(start - 1, "block without //#end");
    return [output, lines.length];
  }

  /** A line whose constant indices are numbers: compilers take long over the arithmetic of a thousand of them. */
  function folded(text: string): string {
    if (!text.includes("[")) return text;
    return text.replaceAll(/\[([^[\]]+)\]/g, (whole, index: string) => {
      if (/^\d+u$/.test(index)) return whole;
      const value = constantValue(index, options.constants ?? {});
      return value === undefined ? whole : `[${value}u]`;
    });
  }

  function unroll(
    body: string[],
    variable: string | undefined,
    count: string | undefined,
    line: number,
  ): string[] {
    const trips = Number(/^\d+$/.test(count ?? "") ? count : options.constants?.[count ?? ""]);
    if (!variable || !count) fail(line, "//#unroll needs a variable and a count");
    if (!Number.isInteger(trips) || trips < 0) {
      fail(
        line,
        `//#unroll ${variable} ${count}: the count is unknown; give a number or the value of "${count}"`,
      );
    }
    const head = new RegExp(
      `^\\s*for \\(var ${variable} = 0u; ${variable} < (.*); ${variable}(\\+\\+| \\+= 1u)\\) \\{\\s*(//.*)?$`,
    );
    const opening = body.findIndex((text) => head.test(text));
    const closing = body.findLastIndex((text) => text.trim() === "}");
    if (opening < 0 || closing <= opening) {
      fail(
        line,
        `//#unroll ${variable}: no "for (var ${variable} = 0u; ${variable} < ${count}; ${variable}++) {" loop`,
      );
    }
    const bound = head.exec(body[opening]!)![1]!;
    if (bound !== count && bound !== `${count}u`) {
      fail(line, `//#unroll ${variable} ${count}: the loop runs to ${bound}; make the two the same`);
    }
    const inner = body.slice(opening + 1, closing);
    const code = inner.join("\n").replace(/\/\/.*$/gm, "");
    if (/\b(break|continue)\b/.test(code) && !/\b(for|while|loop|switch)\b/.test(code)) {
      fail(line, `//#unroll ${variable}: break or continue would leave or repeat the loop around it`);
    }
    const declares = /\b(let|var|const)\b/.test(withoutBlocks(code));
    const word = new RegExp(`\\b${variable}\\b`, "g");
    const output = body.slice(0, opening);
    for (let trip = 0; trip < (options.once ? 1 : trips); trip++) {
      const copy = inner.map((text) => text.replace(word, `${trip}u`));
      // A copy that declares something is a block of its own, so that the names do not clash.
      output.push(...(declares ? ["{", ...copy, "}"] : copy));
    }
    return [...output, ...body.slice(closing + 1)];
  }
}

/** What stands outside of all curly brackets. */
function withoutBlocks(code: string): string {
  let [rest, before] = [code, ""];
  while (rest !== before) [rest, before] = [rest.replaceAll(/\{[^{}]*\}/g, ""), rest];
  return rest;
}

/** The value of an unsigned expression of numbers and named constants; `undefined` if it has other parts, or is below 0. */
function constantValue(
  expression: string,
  constants: Readonly<Record<string, number | boolean>>,
): number | undefined {
  const tokens = expression.match(/\d+u?|[A-Za-z_]\w*|\S/g) ?? [];
  let at = 0;
  const value = sum();
  return at === tokens.length && Number.isInteger(value) && value >= 0 ? value : undefined;

  function sum(): number {
    let total = product();
    while (tokens[at] === "+" || tokens[at] === "-") total += tokens[at++] === "+" ? product() : -product();
    return total;
  }

  function product(): number {
    let total = operand();
    while (tokens[at] === "*" || tokens[at] === "/" || tokens[at] === "%") {
      const operator = tokens[at++], right = operand();
      if (operator === "*") total *= right;
      else total = operator === "/" ? Math.trunc(total / right) : total % right;
    }
    return total;
  }

  /** Not a number for what is no constant: so is then the whole. */
  function operand(): number {
    const token = tokens[at++] ?? "";
    if (/^\d+u?$/.test(token)) return parseInt(token);
    if (token !== "(") return Number(constants[token] ?? NaN);
    const inner = sum();
    return tokens[at++] === ")" ? inner : NaN;
  }
}
