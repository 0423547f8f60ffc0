// The messages between the region's thread and the thread of images.

import type { AnswerLine } from '../../images/engine/door.ts';
import type { WorkName, WorkTerms } from '../../images/engine/works.ts';
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

export type ToImageThread =
  /** Opens the socket for commands, unless it is open. */
  | { readonly kind: 'open'; readonly path: string }
  /** Begins a work of the engine. */
  | {
      readonly kind: 'work';
      readonly id: number;
      readonly name: WorkName;
      readonly tree: string;
      readonly terms: WorkTerms<WorkName>;
    }
  | { readonly kind: 'stop-work'; readonly id: number }
  /** Begins the run, or renews it. */
  | { readonly kind: 'run'; readonly order: RunOrder }
  | { readonly kind: 'remove'; readonly name: string }
  | { readonly kind: 'limit'; readonly bytesPerSecondMax: number | undefined }
  | { readonly kind: 'stop' };

/** The images left out of a run: at most SKIPPED_MAX of them, and the number of further ones. */
export interface SkippedList {
  readonly skipped: readonly Skipped[];
  readonly more: number;
}

/** What the run of imports tells. */
export type FromRun =
  /** The changes since the last such message. */
  | { readonly kind: 'progress'; readonly entries: ReadonlyMap<string, ImportProgress> }
  /** The answer to `remove`: the import has ended, and nothing writes the image any more. */
  | { readonly kind: 'at-rest'; readonly name: string }
  /** Imports may still be under way, and sources may not have answered yet, which the list then names. */
  | { readonly kind: 'left'; readonly left: SkippedList }
  /** An error of our own ended the import of one image, or the reading of one source. */
  | { readonly kind: 'bug'; readonly bug: OwnBug }
  /** @param orders how many the run has taken; it had ended, or been stopped, before any further one */
  | { readonly kind: 'ended'; readonly left: SkippedList; readonly orders: number };

export type FromImageThread =
  | FromRun
  /** @param problem undefined: the socket is open */
  | { readonly kind: 'open'; readonly problem: string | undefined }
  /** Whether works of commands are under way. */
  | { readonly kind: 'busy'; readonly isBusy: boolean }
  /** A report of a work, or its end. */
  | { readonly kind: 'work'; readonly id: number; readonly line: AnswerLine };
