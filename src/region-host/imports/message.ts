// The messages between the region's thread and the thread of images.

import type { AnswerLine } from '../../images/engine/protocol.ts';
import type { WorkInput, WorkName } from '../../images/engine/works.ts';
import type { ConfiguredMirrors } from '../../images/sources/package-mirrors.ts';
import type { ImportProgress } from '../../region/records/boot-store.ts';
import type { OwnBug } from './import-failure.ts';
import type { SelectedSource, Skipped } from './plan.ts';

/** The input of one run. */
export interface RunOrder {
  readonly tree: string;
  /** The directory for packages and unpacked files of installers. */
  readonly workDir: string;
  /** The mirrors of packages that the configuration names; others are those of this host. */
  readonly configured: ConfiguredMirrors;
  readonly sources: readonly SelectedSource[];
  /** The names of the images to import; empty: all that are selected. */
  readonly images: readonly string[];
  /** The limit of all downloads together; undefined: no limit. */
  readonly bytesPerSecondMax: number | undefined;
  /** The proxy of the site; empty: none. The environment of the process takes precedence. */
  readonly httpProxy: string;
}

/** What a run under way is told; any other work only to stop. */
export type Tell =
  | 'stop'
  /** The sources are asked again, and what is new is imported. */
  | { readonly again: RunOrder }
  | { readonly drop: string }
  | { readonly limit: number | undefined };

export type ToImageThread =
  /** Opens the socket for commands, unless it is open. */
  | { readonly kind: 'open'; readonly id: number; readonly path: string }
  /** Begins a work of the engine. */
  | {
      readonly kind: 'work';
      readonly id: number;
      readonly name: WorkName;
      readonly tree: string;
      readonly options: WorkInput<WorkName>;
    }
  /** Begins a run: a work, too. */
  | { readonly kind: 'run'; readonly id: number; readonly order: RunOrder }
  | { readonly kind: 'tell'; readonly id: number; readonly tell: Tell };

/** The images left out of a run: at most SKIPPED_MAX of them, and the number of further ones. */
export interface SkippedList {
  readonly skipped: readonly Skipped[];
  readonly more: number;
}

/** What a run reports. */
export type RunReport =
  /** The changes since the last such report. */
  | { readonly items: ReadonlyMap<string, ImportProgress> }
  /** Imports may still be under way, and sources may not have answered yet, which the list then names. */
  | { readonly left: SkippedList }
  /** An error of our own ended the import of one image, or the reading of one source. */
  | { readonly bug: OwnBug }
  /** Nothing writes this image any more. */
  | { readonly dropped: string };

/** The end of a run. */
export interface RunEnd {
  readonly left: SkippedList;
  /** How many it has taken; it had ended, or been stopped, before any further one. */
  readonly orders: number;
}

export type FromImageThread =
  /** Whether works of commands are under way. */
  | { readonly isBusy: boolean }
  /** A report of a work, or its end. */
  | { readonly id: number; readonly line: AnswerLine | RunReport };
