import { raise, show } from "./error.ts";

// deno-lint-ignore no-explicit-any
type ErrorConstructor<E extends Error> = abstract new (...args: any[]) => E;

/** Fails unless the value is an error, of the class and with the text asked for. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  ErrorClass?: ErrorConstructor<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E {
  if (!(error instanceof Error)) raise(`Expected "error" to be an Error object, it is ${show(error)}`, msg);
  if (ErrorClass !== undefined && !(error instanceof ErrorClass)) {
    raise(
      `Expected error to be instance of "${ErrorClass.name}", but was "${error.constructor.name}" (${error.message})`,
      msg,
      { cause: error },
    );
  }
  if (typeof msgMatches === "string" && !error.message.includes(msgMatches)) {
    raise(`Expected error message to include ${show(msgMatches)}, but got ${show(error.message)}`, msg, {
      cause: error,
    });
  }
  if (msgMatches instanceof RegExp && !msgMatches.test(error.message)) {
    raise(`Expected error message to match ${msgMatches}, but got ${show(error.message)}`, msg, {
      cause: error,
    });
  }
}

/** Fails unless the function throws; returns what it threw. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Fails unless the function throws such an error, with such a text in its message; returns the error. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: ErrorConstructor<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  classOrMsg?: ErrorConstructor<E> | string,
  msgIncludesOrMsg?: string,
  msg?: string,
): unknown {
  let value: unknown;
  try {
    value = fn();
  } catch (error) {
    return checked(error, classOrMsg, msgIncludesOrMsg, msg);
  }
  return nothingThrown("function to throw", value, classOrMsg, msg);
}

/** Fails unless the function returns a promise that rejects; resolves with what it rejected with. */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/** Fails unless it rejects with such an error, with such a text in its message; resolves with the error. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: ErrorConstructor<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  classOrMsg?: ErrorConstructor<E> | string,
  msgIncludesOrMsg?: string,
  msg?: string,
): Promise<unknown> {
  const text = typeof classOrMsg === "string" ? classOrMsg : msg;
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch (error) {
    return raise("Function throws when expected to reject", text, { cause: error });
  }
  if (typeof promise?.then !== "function") {
    return raise(`Expected function to return a promise, it returned ${show(promise)}`, text);
  }
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return checked(error, classOrMsg, msgIncludesOrMsg, msg);
  }
  return nothingThrown("function to reject", value, classOrMsg, msg);
}

function checked<E extends Error>(
  error: unknown,
  classOrMsg: ErrorConstructor<E> | string | undefined,
  msgIncludes: string | undefined,
  msg: string | undefined,
): unknown {
  if (typeof classOrMsg === "function") assertIsError(error, classOrMsg, msgIncludes, msg);
  return error;
}

function nothingThrown(
  what: string,
  value: unknown,
  classOrMsg: unknown,
  msg: string | undefined,
): never {
  const text = typeof classOrMsg === "string" ? classOrMsg : msg;
  const returned = value === undefined ? "" : `, it gave ${show(value)}`;
  return raise(`Expected ${what}${returned}`, text);
}

/** Fails. */
export function fail(msg?: string): never {
  return raise("Failed assertion", msg);
}

/** Fails where the code should never come. */
export function unreachable(msg?: string): never {
  return raise("Unreachable", msg);
}

/** Fails in what is not made. */
export function unimplemented(msg?: string): never {
  return raise("Unimplemented", msg);
}
