/**
 * Networks: from an ONNX file to a plan on a device.
 *
 * @module
 */
export { OnnxError, type OnnxErrorOptions } from "../onnx/error.ts";
export { GraphError } from "../ops/error.ts";
export type { ChoiceOrigin, KernelChoices, LayerChoice, MeasuredLayer } from "../ops/kernel_choice.ts";
export type { TensorType } from "../ops/operator.ts";
export { type BoundPlan, WeightStore } from "./bind.ts";
export { Graph, type OutputInfo, type ValueInfo } from "./graph.ts";
export type { ExternalViews, Plan, PlannedStorage, PlanOptions, PlanStep, PlanValue } from "./plan.ts";
export type { ComparedValue, CompareOptions, Comparison, Reference } from "./compare.ts";
export { loadGraph, type LoadOptions, type ModelSource } from "./load.ts";
export { type GpuTensor, PreparedNetwork } from "./prepared.ts";
export {
  type Profile,
  type ProfiledDispatch,
  type ProfiledKernel,
  type ProfileMethod,
  profileNetwork,
  type ProfileOptions,
  type SlowDispatch,
  slowForTheirKind,
} from "./profile.ts";
export { type ChromeTrace, chromeTrace, type TraceEvent } from "./profile_trace.ts";
export type { StepKind } from "./step_shape.ts";
export {
  type OwnPlanningOptions,
  planGraph,
  type PlanningOptions,
  type PrepareOptions,
  Session,
  type SessionOptions,
} from "./session.ts";
export type { InputShapes, InputValues } from "./specialise.ts";
export type { TuneMode } from "./tuning/search.ts";
export type { TuningOptions, TuningReport, TuningStore } from "./tuning/tuner.ts";
export { findUnsupported, type UnsupportedOperator } from "./unsupported.ts";
