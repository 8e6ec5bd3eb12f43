/**
 * What is done to a specialised graph before it is lowered. Each pass keeps every output's value.
 *
 * @module
 */
import type { SpecialisedGraph } from "../specialise.ts";
import { chainMaxPools } from "./chain_max_pools.ts";
import { composeViews } from "./compose_views.ts";
import { expandBatchNorm } from "./expand_batch_norm.ts";
import { expandQuantised } from "./expand_quantised.ts";
import { foldBatchNorm } from "./fold_batch_norm.ts";
import { foldChannelSlices } from "./fold_channel_slices.ts";
import { foldFocus } from "./fold_focus.ts";
import { foldPads } from "./fold_pads.ts";
import { fuseBranches } from "./fuse_branches.ts";
import { fuseEpilogues } from "./fuse_epilogues.ts";
import { fuseGroupNorm } from "./fuse_group_norm.ts";
import { fuseLayerNorm } from "./fuse_layer_norm.ts";
import { fuseQuantised } from "./fuse_quantised.ts";
import { fuseSilu } from "./fuse_silu.ts";
import { hoistActivations } from "./hoist_activations.ts";
import { hoistScales } from "./hoist_scales.ts";
import { nestConcatenations } from "./nest_concatenations.ts";
import { removeIdentities } from "./remove_identities.ts";

/** Runs all passes, in order. */
export function runPasses(specialised: SpecialisedGraph): void {
  removeIdentities(specialised);
  fuseQuantised(specialised);
  expandQuantised(specialised);
  composeViews(specialised);
  nestConcatenations(specialised);
  foldPads(specialised);
  foldBatchNorm(specialised);
  foldFocus(specialised);
  foldChannelSlices(specialised);
  chainMaxPools(specialised);
  expandBatchNorm(specialised);
  fuseGroupNorm(specialised);
  fuseLayerNorm(specialised);
  hoistScales(specialised);
  fuseSilu(specialised);
  fuseBranches(specialised);
  hoistActivations(specialised);
  fuseEpilogues(specialised);
  specialised.graph.removeDeadNodes();
}
