/**
 * The command line: `framewise detect`, `framewise loops`, `framewise vocabulary`, `framewise eval`, `framewise info`,
 * `framewise models`. As a program it runs the command that it
 * is given; as a module it has it as a function.
 *
 * @module
 */
import { main, runProcess } from "./main.ts";

export { main };

if (import.meta.main) await runProcess();
