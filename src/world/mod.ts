/**
 * A small town that Framewise draws itself, with the truth about every picture: for demonstrations, tests and training.
 * Web-standard APIs only.
 *
 * @module
 */
export { between, type Light, type LightName, lightOf, LIGHTS } from "./light.ts";
export {
  drawnAt,
  type Lens,
  lensOf,
  type Pose,
  poseOf,
  project,
  rayOf,
  toCamera,
  toWorld,
  unproject,
  type Vector3,
} from "./lens.ts";
export { type CameraEffects, type Picture, type Shown, type View, WorldRenderer } from "./renderer.ts";
export type { RendererOptions } from "./renderer.ts";
export { CLASSES, type ClassName } from "./things.ts";
export { Town, type TownOptions } from "./town.ts";
