/** What the benches state beside their rates. */
export { measureFlops } from "../../src/gpu/peak.ts";
