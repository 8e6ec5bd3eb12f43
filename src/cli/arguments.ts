import { parseArgs } from "@std/cli/parse-args";
import { UsageError } from "./failure.ts";

/** The options that a command knows. */
export interface Options {
  /** Options without a value. */
  flags: readonly string[];
  /** Options with a value. */
  values: readonly string[];
}

/** What was given. */
export interface Arguments {
  positional: string[];
  flag(name: string): boolean;
  value(name: string): string | undefined;
  /** @throws {UsageError} if it is no number within the bounds. */
  number(name: string, fallback: number, bounds: { min: number; max: number; whole?: boolean }): number;
}

/** What begins with a dash and is a value all the same: the dash itself, and negative numbers. */
const DASHED_VALUE = /^-(\.?\d.*)?$/;

/** `--json -` as `--json=-`: the parser takes what begins with a dash for an argument of its own. */
function joinDashes(args: readonly string[], values: readonly string[]): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const option = joined.at(-1);
    if (DASHED_VALUE.test(arg) && option !== undefined && values.some((name) => option === `--${name}`)) {
      joined[joined.length - 1] = `${option}=${arg}`;
    } else {
      joined.push(arg);
    }
  }
  return joined;
}

/** Reads a command's arguments. @throws {UsageError} for unknown options and options without their value. */
export function readArguments(args: readonly string[], options: Options): Arguments {
  const parsed = parseArgs(joinDashes(args, options.values), {
    boolean: ["help", ...options.flags],
    string: ["_", ...options.values],
    alias: { help: "h" },
    unknown: (arg, key) => {
      if (key !== undefined) throw new UsageError(`there is no option ${arg}`);
      return true;
    },
  }) as Record<string, unknown> & { _: unknown[] };
  const value = (name: string): string | undefined => {
    const given = parsed[name];
    if (given === undefined) return undefined;
    if (given === "" || typeof given !== "string") throw new UsageError(`--${name} needs a value`);
    return given;
  };
  for (const name of options.values) value(name);
  return {
    positional: parsed._.map(String),
    flag: (name) => parsed[name] === true,
    value,
    number(name, fallback, { min, max, whole }) {
      const given = value(name);
      if (given === undefined) return fallback;
      const number = given.trim() === "" ? NaN : Number(given);
      if (!(number >= min && number <= max) || (whole && !Number.isInteger(number))) {
        const range = max === Infinity ? `, ${min} or more` : ` from ${min} to ${max}`;
        throw new UsageError(`--${name} is "${given}"; it must be a ${whole ? "whole " : ""}number${range}`);
      }
      return number;
    },
  };
}
