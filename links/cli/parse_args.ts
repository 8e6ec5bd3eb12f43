/**
 * Command line arguments, parsed as `@std/cli/parse-args` does. The types cover flat names; a dotted name
 * (`--a.b 1`) is parsed into nested objects and typed `unknown`.
 *
 * @module
 */

type BooleanType = boolean | string | undefined;
type Names = string | undefined;
type Aliases = Partial<Record<string, string | ReadonlyArray<string>>>;
type Defaults = Record<string, unknown>;

/** The options of {@linkcode parseArgs}. */
export interface ParseOptions<
  TBooleans extends BooleanType = BooleanType,
  TStrings extends Names = Names,
  TCollectable extends Names = Names,
  TNegatable extends Names = Names,
  TDefault extends Defaults | undefined = Defaults | undefined,
  TAliases extends Aliases | undefined = Aliases | undefined,
  TDoubleDash extends boolean | undefined = boolean | undefined,
> {
  /** Keep what follows `--` apart, in `result["--"]`, instead of appending it to `result._`. */
  "--"?: TDoubleDash;
  /** Other names of an argument: `{ help: "h" }`, `{ out: ["o", "output"] }`. */
  alias?: TAliases;
  /** Arguments that are flags; `true` makes a flag of every `--name` that has no `=`. */
  boolean?: TBooleans | ReadonlyArray<Extract<TBooleans, string>>;
  /** Values of arguments that were not given. */
  default?: TDefault;
  /** Take everything from the first positional argument on as positional. */
  stopEarly?: boolean;
  /** Arguments whose value stays a string even when it looks like a number; `"_"` for positionals. */
  string?: TStrings | ReadonlyArray<Extract<TStrings, string>>;
  /** Arguments that may be given several times, collected in a list. */
  collect?: TCollectable | ReadonlyArray<Extract<TCollectable, string>>;
  /** Arguments that `--no-NAME` sets to false. */
  negatable?: TNegatable | ReadonlyArray<Extract<TNegatable, string>>;
  /** Called for every argument that no option names; it is left out when this returns false. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

type OneOf<TName, TBooleans, TStrings> = TName extends TBooleans ? boolean
  : TName extends TStrings ? string
  : unknown;

type ValueOf<TName, TBooleans, TStrings, TCollectable, TNegatable> =
  | (TName extends TCollectable ? OneOf<TName, TBooleans, TStrings>[] : OneOf<TName, TBooleans, TStrings>)
  | (TName extends TNegatable ? false : never);

type AllNames<TBooleans, TStrings, TCollectable> = Extract<TBooleans | TStrings | TCollectable, string>;

type WithDefaults<TValues, TDefault> = TDefault extends Defaults ?
    & Omit<TValues, keyof TDefault>
    & {
      [K in keyof TDefault]: K extends keyof TValues ? TDefault[K] | NonNullable<TValues[K]> : unknown;
    }
  : TValues;

type NamesOf<TName, TAliases> = TName extends keyof TAliases ? string extends TAliases[TName] ? TName
  : TAliases[TName] extends string ? TName | TAliases[TName]
  : TAliases[TName] extends ReadonlyArray<infer TOther extends string> ? TName | TOther
  : TName
  : TName;

type WithAliases<TValues, TAliases> = {
  [K in keyof TValues as Extract<NamesOf<K, TAliases>, PropertyKey>]: TValues[K];
};

type IsTyped<TBooleans, TStrings, TCollectable> = [AllNames<TBooleans, TStrings, TCollectable>] extends
  [never] ? false
  : true;

type Values<TBooleans, TStrings, TCollectable, TNegatable, TDefault, TAliases> =
  IsTyped<TBooleans, TStrings, TCollectable> extends true ?
      & Record<string, unknown>
      & WithAliases<
        WithDefaults<
          & {
            [K in Extract<TBooleans | TCollectable, string>]: ValueOf<
              K,
              TBooleans,
              TStrings,
              TCollectable,
              TNegatable
            >;
          }
          & {
            [K in Exclude<Extract<TStrings, string>, TBooleans | TCollectable>]?: ValueOf<
              K,
              TBooleans,
              TStrings,
              TCollectable,
              TNegatable
            >;
          },
          TDefault
        >,
        TAliases
      >
    // deno-lint-ignore no-explicit-any
    : Record<string, any>;

type DoubleDash<TDoubleDash> = true extends TDoubleDash ? { "--": string[] }
  : Record<never, never>;

/** What {@linkcode parseArgs} returns: the named arguments, and the positional ones in `_`. */
export type Args<
  // deno-lint-ignore no-explicit-any
  TArgs extends Record<string, unknown> = Record<string, any>,
  TDoubleDash extends boolean | undefined = undefined,
> = TArgs & { _: Array<string | number> } & DoubleDash<TDoubleDash>;

type Value = string | number | boolean;

/**
 * Parses command line arguments.
 *
 * `--name value`, `--name=value`, `-n value`, `-n5` and `-abc` (three flags) are understood. A value that
 * begins with `-` must be written `--name=-5`. Numbers become numbers unless the name is declared a string.
 *
 * @example
 * ```ts
 * import { parseArgs } from "@std/cli/parse-args";
 *
 * const args = parseArgs(["--model", "a.onnx", "clip.mp4"], { string: ["model"] });
 * console.log(args.model, args._); // a.onnx [ "clip.mp4" ]
 * ```
 */
export function parseArgs<
  TDoubleDash extends boolean | undefined = undefined,
  TBooleans extends BooleanType = undefined,
  TStrings extends Names = undefined,
  TCollectable extends Names = undefined,
  TNegatable extends Names = undefined,
  TDefault extends Defaults | undefined = undefined,
  const TAliases extends Aliases | undefined = undefined,
>(
  args: string[],
  options: ParseOptions<
    TBooleans,
    TStrings,
    TCollectable,
    TNegatable,
    TDefault,
    TAliases,
    TDoubleDash
  > = {},
): Args<Values<TBooleans, TStrings, TCollectable, TNegatable, TDefault, TAliases>, TDoubleDash> {
  const parser = new Parser(options as ParseOptions);
  return parser.parse(args) as ReturnType<
    typeof parseArgs<TDoubleDash, TBooleans, TStrings, TCollectable, TNegatable, TDefault, TAliases>
  >;
}

class Parser {
  readonly #booleans: Set<string>;
  readonly #strings: Set<string>;
  readonly #collected: Set<string>;
  readonly #negatable: Set<string>;
  readonly #aliases = new Map<string, Set<string>>();
  readonly #options: ParseOptions;
  readonly #result: Record<string, unknown> & { _: Array<string | number> } = { _: [] };

  constructor(options: ParseOptions) {
    this.#options = options;
    for (const [name, others] of Object.entries(options.alias ?? {})) {
      const group = [name, ...[others ?? []].flat()];
      for (const member of group) {
        this.#aliases.set(member, new Set(group.filter((other) => other !== member)));
      }
    }
    this.#booleans = this.#named(options.boolean);
    this.#strings = this.#named(options.string);
    this.#collected = this.#named(options.collect);
    this.#negatable = this.#named(options.negatable);
  }

  /** The names in an option, with all their aliases. */
  #named(names: boolean | string | ReadonlyArray<string> | undefined): Set<string> {
    const list = typeof names === "string" ? [names] : Array.isArray(names) ? names : [];
    return new Set(list.filter((name) => name !== "").flatMap((name) => [name, ...this.#aliasesOf(name)]));
  }

  #aliasesOf(name: string): ReadonlySet<string> {
    return this.#aliases.get(name) ?? new Set();
  }

  parse(args: string[]): Record<string, unknown> {
    const end = args.indexOf("--");
    const before = end < 0 ? args : args.slice(0, end);
    const after = end < 0 ? [] : args.slice(end + 1);
    for (let i = 0; i < before.length; i++) {
      const arg = before[i]!;
      const next = before[i + 1];
      if (/^--./s.test(arg)) i += this.#long(arg, next);
      else if (/^-./s.test(arg)) i += this.#short(arg, next);
      else {
        this.#positional(arg);
        if (!this.#options.stopEarly) continue;
        this.#result._.push(...before.slice(i + 1));
        break;
      }
    }
    this.#fillIn();
    if (this.#options["--"]) this.#result["--"] = after;
    else this.#result._.push(...after);
    return this.#result;
  }

  #positional(arg: string): void {
    if (this.#options.unknown?.(arg) === false) return;
    this.#result._.push(this.#strings.has("_") || !looksLikeNumber(arg) ? arg : Number(arg));
  }

  /** `--name...`; returns how many further arguments it took. */
  #long(arg: string, next: string | undefined): number {
    const equals = arg.indexOf("=", 3);
    if (equals > 0 && equals < arg.length - 1) {
      const name = arg.slice(2, equals), value = arg.slice(equals + 1);
      this.#set(name, this.#booleans.has(name) ? value !== "false" : value, arg);
      return 0;
    }
    const name = equals > 0 ? arg.slice(2, -1) : arg.slice(2);
    if (name.startsWith("no-") && this.#negatable.has(name.slice(3))) {
      this.#set(name.slice(3), false, arg, false);
      return 0;
    }
    const takesValue = this.#options.boolean !== true && !this.#booleans.has(name);
    return this.#valueFrom(name, arg, next, takesValue && next !== undefined && /^[^-]/.test(next));
  }

  /** `-abc`, `-n5`, `-n=5`, `-n 5`; returns how many further arguments it took. */
  #short(arg: string, next: string | undefined): number {
    for (let at = 1; at < arg.length - 1; at++) {
      const letter = arg[at]!, rest = arg.slice(at + 1);
      const isLetter = /[A-Za-z]/.test(letter);
      if (rest === "-") {
        this.#set(letter, rest, arg);
        return 0;
      }
      if (isLetter && rest.startsWith("=")) {
        this.#set(letter, rest.slice(1), arg);
        return 0;
      }
      if ((isLetter && /^-?\d+(\.\d*)?(e-?\d+)?$/.test(rest)) || /^\W./s.test(rest)) {
        this.#set(letter, rest, arg);
        return 0;
      }
      this.#set(letter, this.#strings.has(letter) ? "" : true, arg);
    }
    const last = arg.at(-1)!;
    const takesValue = !this.#booleans.has(last) && next !== undefined && next !== "" &&
      !/^--?[^-]/.test(next);
    return this.#valueFrom(last, arg, next, takesValue);
  }

  #valueFrom(name: string, arg: string, next: string | undefined, takesNext: boolean): number {
    if (takesNext && next !== undefined) {
      this.#set(name, next, arg);
      return 1;
    }
    if (next === "true" || next === "false") {
      this.#set(name, next === "true", arg);
      return 1;
    }
    this.#set(name, this.#strings.has(name) ? "" : true, arg);
    return 0;
  }

  #set(name: string, value: Value, arg: string, collect = true): void {
    const isKnown = this.#booleans.has(name) || this.#strings.has(name) || this.#aliases.has(name) ||
      (this.#options.boolean === true && /^--[^=]+$/.test(arg));
    if (!isKnown && this.#options.unknown?.(arg, name, value) === false) return;
    const typed = typeof value === "string" && !this.#strings.has(name) && looksLikeNumber(value)
      ? Number(value)
      : value;
    for (const key of [name, ...this.#aliasesOf(name)]) {
      const place = this.#place(key);
      const isList = collect && this.#collected.has(name);
      const earlier = place.owner[place.key];
      if (!isList) place.owner[place.key] = typed;
      else place.owner[place.key] = Array.isArray(earlier) ? [...earlier, typed] : [typed];
    }
  }

  /** What was not given: defaults, false for flags, empty lists for collected names. */
  #fillIn(): void {
    for (const [name, value] of Object.entries(this.#options.default ?? {})) {
      if (this.#has(name)) continue;
      for (const key of [name, ...this.#aliasesOf(name)]) this.#put(key, value);
    }
    for (const name of this.#booleans) {
      if (!this.#has(name)) this.#put(name, this.#collected.has(name) ? [] : false);
    }
    for (const name of this.#strings) {
      if (!this.#has(name) && this.#collected.has(name)) this.#put(name, []);
    }
  }

  #has(name: string): boolean {
    const { owner, key } = this.#place(name);
    return Object.hasOwn(owner, key);
  }

  #put(name: string, value: unknown): void {
    const { owner, key } = this.#place(name);
    owner[key] = value;
  }

  /** The object and key of a name; `a.b` is key `b` of the object under `a`. */
  #place(name: string): { owner: Record<string, unknown>; key: string } {
    const steps = name.split(".");
    const key = steps.pop()!;
    let owner: Record<string, unknown> = this.#result;
    for (const step of steps) {
      if (step === "__proto__" || typeof owner[step] !== "object" || owner[step] === null) {
        Object.defineProperty(owner, step, {
          value: {},
          enumerable: true,
          configurable: true,
          writable: true,
        });
      }
      owner = owner[step] as Record<string, unknown>;
    }
    return { owner, key };
  }
}

function looksLikeNumber(text: string): boolean {
  return /^0x[0-9a-f]+$/i.test(text) || /^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/.test(text);
}
