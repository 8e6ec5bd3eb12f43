/**
 * What kernels that multiply by constant weights have in common: text for their `//#inject` blocks.
 *
 * @module
 */
import { type KernelOptions, texelTexture, TEXTURE_WIDTH } from "../gpu/mod.ts";

/**
 * Constants from a texture where storage loads are dear: see `KernelTarget.software`.
 *
 * @param name of the variable.
 * @param load the function that gives one of them.
 */
export function textureConstants(binding: number, name: string, load: string): string {
  return `@group(0) @binding(${binding}) var ${name}: ${texelTexture("rgba32float")};
fn ${load}(at: u32) -> vec4f {
  return textureLoad(${name}, vec2u(at & ${TEXTURE_WIDTH - 1}u, at >> ${Math.log2(TEXTURE_WIDTH)}u));
}`;
}

/**
 * Constants from a texture whose rows are a kernel's own: `load(at, row)` needs no arithmetic where `at` is a number.
 *
 * @param load the function's name.
 */
export function textureRows(binding: number, name: string, load: string): string {
  return `@group(0) @binding(${binding}) var ${name}: ${texelTexture("rgba32float")};
fn ${load}(at: u32, row: u32) -> vec4f {
  return textureLoad(${name}, vec2u(at, row));
}`;
}

/** Weights from a texture, as most kernels bind them. */
export const TEXTURE_WEIGHTS: string = textureConstants(1, "weights", "weight");

/** The builtin that {@linkcode broadcastWeights} needs. */
export const LANE_BUILTIN = "  @builtin(subgroup_invocation_id) lane: u32,";

/**
 * Text by which eight invocations load a weight each and have all eight as `taken`.
 *
 * @param load an expression of this invocation's weight, which may use `lane`.
 */
export function broadcastWeights(load: string): string {
  return `let mine = ${load};
var taken = array<vec4f, 8>(
${Array.from({ length: 8 }, (_, lane) => `  subgroupBroadcast(mine, ${lane}u),`).join("\n")}
);`;
}

/** Characters of epilogues up to which each store has its own. */
const MOST_EPILOGUES = 13_000;
/** What belongs to a store besides. */
const STORE_TEXT = 150;

/**
 * Whether a kernel has a store and an epilogue for each output (UNROLLED is 1), or one of both in a loop (LOOPED is 1).
 * Mesa's software Vulkan unrolls the loop by itself as long as it is short, and then goes over the whole kernel once for
 * each trip.
 *
 * @param stores of an invocation.
 * @param epilogue the text of what is done before each.
 */
export function storing(stores: number, epilogue = ""): Record<"UNROLLED" | "LOOPED", number> {
  const unrolled = stores * (STORE_TEXT + epilogue.length) <= MOST_EPILOGUES;
  return { UNROLLED: Number(unrolled), LOOPED: Number(!unrolled) };
}

/** Tile constants as text, because arrays are sized by them, and as counts for unrolling. */
export function tiled(
  overrides: Record<string, number | boolean>,
  tile: Record<string, number>,
): KernelOptions {
  const text = Object.entries(tile).map(([name, value]) => `const ${name} = ${value}u;`).join("\n");
  return { overrides: { ...overrides, ...tile }, inject: { tile: text } };
}
