/** The entry of `deno task demo`. */
import { demo } from "./demo.ts";

if (import.meta.main) Deno.exit(await demo(Deno.args));
