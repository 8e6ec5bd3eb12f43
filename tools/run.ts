/**
 * Runs a `deno` subcommand after making sure that the machine has what it needs:
 * `deno run -A tools/run.ts test -A` is `deno test -A` behind {@linkcode setup}.
 *
 * @module
 */
import { quietMesa } from "../src/cli/mesa.ts";
import { thisMachine } from "./machine.ts";
import { setup, SetupError } from "./setup.ts";
import { crashedAfterPassing, passOn as passOnOutput } from "./test_outcome.ts";

/**
 * Runs this same Deno with the arguments; returns its exit code. Ctrl-C reaches the child by itself, as both are in
 * one process group; being told to end is passed on.
 */
export async function runDeno(args: string[]): Promise<number> {
  const tests = args[0] === "test";
  const colour = Deno.stdout.isTerminal() && !Deno.noColor;
  const child = new Deno.Command(Deno.execPath(), {
    args,
    stdout: tests ? "piped" : "inherit",
    ...(tests && colour && { env: { FORCE_COLOR: "1" } }),
  }).spawn();
  const leaveToChild = (): void => {};
  const passOn = (): void => child.kill("SIGTERM");
  Deno.addSignalListener("SIGINT", leaveToChild);
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", passOn);
  const lastOutput = tests ? await passOnOutput(child.stdout) : "";
  const { code } = await child.status;
  Deno.removeSignalListener("SIGINT", leaveToChild);
  if (Deno.build.os !== "windows") Deno.removeSignalListener("SIGTERM", passOn);
  if (!crashedAfterPassing(code, lastOutput)) return code;
  console.error(
    `deno ended with exit code ${code} after all tests had passed: a fault of its end, not of the tests`,
  );
  return 0;
}

/** Sets up, then runs `deno ARGS`; returns the exit code. */
export async function run(args: string[]): Promise<number> {
  quietMesa();
  try {
    await setup(thisMachine);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(error.message);
    return 1;
  }
  return await runDeno(args);
}

if (import.meta.main) Deno.exit(await run(Deno.args));
