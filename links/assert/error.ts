import { AssertionError as NodeAssertionError } from "node:assert/strict";
import { inspect } from "node:util";

/** What every assertion of this package throws. */
export class AssertionError extends NodeAssertionError {
  constructor(message: string, options?: ErrorOptions) {
    super({ message });
    this.name = "AssertionError";
    if (options !== undefined && "cause" in options) {
      Object.defineProperty(this, "cause", { value: options.cause, configurable: true, writable: true });
    }
  }
}

/** Shows a value in a message: whole when small, cut when large. */
export function show(value: unknown): string {
  const text = inspect(value, { depth: 6, maxArrayLength: 24, maxStringLength: 400, breakLength: 100 });
  return text.length > 4000 ? `${text.slice(0, 4000)}...` : text;
}

/** Throws an {@linkcode AssertionError}: what failed, the caller's own message, then the values. */
export function raise(what: string, msg?: string, options: ErrorOptions & { values?: string } = {}): never {
  const { values = "", ...rest } = options;
  const headline = msg === undefined || msg === "" ? `${what}.` : `${what}: ${msg}`;
  throw new AssertionError(`${headline}${values}`, rest);
}
