/**
 * Runs a `deno` subcommand after making sure that the machine has what it needs:
 * `deno run -A tools/run.ts test -A` is `deno test -A` behind {@linkcode setup}.
 *
 * @module
 */
import { thisMachine } from "./machine.ts";
import { setup, SetupError } from "./setup.ts";

/** Mesa complains on stderr, twice, when there is no XDG_RUNTIME_DIR: gives it a private folder. */
export function quietMesa(): void {
  if (Deno.build.os !== "linux" || Deno.env.get("XDG_RUNTIME_DIR")) return;
  const folder = `${Deno.env.get("TMPDIR") ?? "/tmp"}/framewise-runtime-${Deno.uid()}`;
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  Deno.env.set("XDG_RUNTIME_DIR", folder);
}

/**
 * Runs this same Deno with the arguments; returns its exit code. Ctrl-C reaches the child by itself, as both are in
 * one process group; being told to end is passed on.
 */
export async function runDeno(args: string[]): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), { args }).spawn();
  const leaveToChild = (): void => {};
  const passOn = (): void => child.kill("SIGTERM");
  Deno.addSignalListener("SIGINT", leaveToChild);
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", passOn);
  const { code } = await child.status;
  Deno.removeSignalListener("SIGINT", leaveToChild);
  if (Deno.build.os !== "windows") Deno.removeSignalListener("SIGTERM", passOn);
  return code;
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
