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
export { boxesOfKinds, type KindName, kindOf, KINDS } from "./kinds.ts";
export type { Picture, Shown } from "./picture.ts";
export { PlaceMemory, pointAt } from "./places.ts";
export { type RandomMoment, type RandomViewOptions, RandomViews } from "./random_views.ts";
export { type CameraEffects, type RendererOptions, type View, WorldRenderer } from "./renderer.ts";
export {
  makeScenario,
  type Moment,
  type Scenario,
  type ScenarioName,
  type ScenarioOptions,
  SCENARIOS,
} from "./scenario.ts";
export { CLASSES, type ClassName } from "./things.ts";
export { Town, type TownOptions } from "./town.ts";
export {
  boxesOf,
  type FrameTruth,
  idImage,
  isLasting,
  type SamePlace,
  type TrueBox,
  truthRecord,
} from "./truth.ts";
export { type WorldOptions, WorldSource } from "./world_source.ts";
