// The messages between the region's thread and the importing thread.

import type { ImportProgress } from '../../region/records/boot-store.ts';
import type { SelectedSource, Skipped } from './plan.ts';

/** How a person holds an import; `deleted`: the run has no such image any more. */
export type Hold = 'paused' | 'cancelled' | 'deleted';

/** All that one run needs. */
export interface RunOrder {
  /** The boot tree that gets the images. */
  readonly tree: string;
  readonly sources: readonly SelectedSource[];
  /** The imports that people hold, by name. */
  readonly held: ReadonlyMap<string, Hold>;
}

export type ToImporter =
  | { readonly kind: 'run'; readonly order: RunOrder }
  | { readonly kind: 'hold'; readonly name: string; readonly hold: Hold }
  | { readonly kind: 'resume'; readonly name: string }
  | { readonly kind: 'stop' };

/** Left out of a run: at most SKIPPED_MAX, and how many more. */
export interface SkippedList {
  readonly skipped: readonly Skipped[];
  readonly more: number;
}

export type FromImporter =
  /** The changes since the last such message. */
  | { readonly kind: 'progress'; readonly entries: ReadonlyMap<string, ImportProgress> }
  /** The image is held: nothing writes it any more. */
  | { readonly kind: 'held'; readonly name: string }
  | { readonly kind: 'ended'; readonly left: SkippedList };
