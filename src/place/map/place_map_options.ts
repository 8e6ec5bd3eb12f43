import type { MapFrameInfo } from "./map_frame.ts";
import type { MapNetworks } from "./map_networks.ts";
import type { MemoryChange, WorkingMemoryOptions } from "./working_memory.ts";

/** How a map is opened. */
export interface PlaceMapOptions extends WorkingMemoryOptions {
  /** What the frames are made with: a map of others is refused. Needed to begin a map; without it any map is opened. */
  networks?: MapNetworks;
  /** Nothing is written: to relocalise in it, also while another process writes to it. Default false. */
  readOnly?: boolean;
  /**
   * Checks all that was written, and cuts the map off at the first frame that is damaged, which opening would refuse or
   * reading find. Default false.
   */
  repair?: boolean;
  /** Frames after which the files are flushed, in the background. Default 64. */
  flushFrames?: number;
  /** Seconds after which a new frame has the files flushed. Default 2. */
  flushSeconds?: number;
  /** Bytes of local features that stay in memory at most. Default 4 MiB. */
  cacheBytes?: number;
  /**
   * A frame whose descriptor has at least this cosine with that of the frame before shows again what that one showed: it
   * takes its weight over, and one more, so that the earlier one is forgotten first. Default: none does.
   */
  rehearsal?: number;
}

/** What a map knows of a frame without its file. */
export interface MapEntry extends MapFrameInfo {
  /** Its number. */
  readonly id: number;
  /** The earlier frame that it closes a loop with. */
  readonly match?: number;
  /** How often it was seen again. */
  readonly weight: number;
  /** Whether it is among the frames that are searched. */
  readonly remembered: boolean;
}

/** A frame that was added. */
export interface AppendedFrame extends MemoryChange {
  /** Its number. */
  readonly id: number;
}
