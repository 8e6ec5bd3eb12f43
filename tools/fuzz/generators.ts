/**
 * All generators.
 *
 * @module
 */
import { elementwiseGenerators } from "./elementwise.ts";
import { indexingGenerators } from "./indexing.ts";
import { matrixGenerators } from "./matrices.ts";
import { quantisedGenerators } from "./quantised.ts";
import { windowGenerators } from "./windows.ts";
import { shapeGenerators } from "./shapes.ts";
import type { Generator } from "./generator.ts";

/** The generators of all families. */
export const GENERATORS: readonly Generator[] = [
  ...elementwiseGenerators,
  ...shapeGenerators,
  ...indexingGenerators,
  ...windowGenerators,
  ...matrixGenerators,
  ...quantisedGenerators,
];
