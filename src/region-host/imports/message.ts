// The messages between the region's thread and the thread of images.

import type { AnswerLine } from '../../images/engine/protocol.ts';
import type { WorkInput, WorkName } from '../../images/engine/works.ts';
import type { ConfiguredMirrors } from '../../images/sources/package-mirrors.ts';
import type { ImportProgress } from '../../region/records/boot-store.ts';
import type { ReportedBug } from './import-failure.ts';
import type { SelectedSource, Skipped } from './plan.ts';

/** The input of one run. */
export interface RunOrder {
  readonly tree: string;
  /** The directory for packages and unpacked files of installers. */
  readonly workDir: string;
  /** The mirrors of packages that the configuration names. For others, the mirrors of this host are used. */
  readonly configured: ConfiguredMirrors;
  readonly sources: readonly SelectedSource[];
  /** The names of the images to import. Empty for all that are selected. */
  readonly images: readonly string[];
  /** The limit of all downloads together. Undefined for no limit. */
  readonly bytesPerSecondMax: number | undefined;
  /** The proxy of the site. Empty if there is none. The environment of the process takes precedence. */
  readonly httpProxy: string;
}

/** A command to a run under way. Other works understand only `stop`. */
export type RunCommand =
  | 'stop'
  /** Asks the sources again, and imports new offers. */
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
  /** Begins a run, which also counts as a work. */
  | { readonly kind: 'run'; readonly id: number; readonly order: RunOrder }
  | { readonly kind: 'tell'; readonly id: number; readonly tell: RunCommand };

/** The images and sources that a run skipped: at most SKIPPED_MAX of them, and the number of further ones. */
export interface SkippedList {
  readonly skipped: readonly Skipped[];
  readonly more: number;
}

/** A report of a run. */
export type RunReport =
  /** The changes of progress since the last such report. */
  | { readonly items: ReadonlyMap<string, ImportProgress> }
  /**
   * The skipped images. Imports may still be under way. The list also names sources that have not
   * answered yet.
   */
  | { readonly left: SkippedList }
  /** An error of our own ended the import of one image, or the reading of one source. */
  | { readonly bug: ReportedBug }
  /** Nothing writes this image any more. */
  | { readonly dropped: string };

/** The end of a run. */
export interface RunEnd {
  readonly left: SkippedList;
  /** The number of orders that the run accepted. Further orders came after its end. */
  readonly orders: number;
}

export type FromImageThread =
  /** True while works of commands are under way. */
  | { readonly isBusy: boolean }
  /** A report of a work, or its end. */
  | { readonly id: number; readonly line: AnswerLine | RunReport };
