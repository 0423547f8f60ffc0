// The port to the store of boot images: sources that offer images, selections among these, and the
// progress of each import.
//
//   file of sources ─┐
//   API ─────────────┴─► source ─► selections ─► run: one process imports (region-host/imports/) ─► resources and their progress
//
// Sources: MAAS's boot sources, their selections, and boot resources.
//
// 1. One method is one transaction, as in `store.ts`.
// 2. A source named in a file also has a row, for its id and its selections. Its other fields exist
//    only in the file.
// 3. Requests (`wish`, `askedMs`) survive a restart of the importing process, which reads them and
//    stores its progress.

import { z } from 'zod';
import type { Selection } from '../../images/sources/offer.ts';
import { importReason } from './import-reason.ts';
import type { NewMachineEvent } from './machine-event.ts';
import { REPORTED_DOWNLOADS_MAX, type ReportedDownload, reportedDownload } from './reported-download.ts';
import type { ResourceWish } from './resource-wish.ts';

/** Bound on the sources; those named in files do not count. */
export const SOURCES_MAX = 100;
/** Selections of one source that are stored; a file has at most as many, of all its sources. */
export const SELECTIONS_MAX = 200;
/** Entries of each list of a selection. */
export const SELECTION_ENTRIES_MAX = 64;
/** The system or the release of a selection. */
export const SELECTED_NAME = /^(?:\*|[a-z0-9][a-z0-9_.+-]{0,62})$/;
/** An entry of its lists. */
export const SELECTED_ENTRY = /^(?:\*|[A-Za-z0-9][\w.+-]{0,62})$/;
/** The reason why a site is used without signatures, in characters. */
export const WHY_CHARACTERS_MAX = 1024;
export const KEYRING_BYTES_MAX = 256 * 1024;
/**
 * Bound on the resources. Racks add some by reporting their images. At the bound, new ones replace
 * resources that were never imported and that no user has asked to delete.
 */
export const RESOURCES_MAX = 2000;
/** Skipped images that a run lists; it counts the rest. */
export const SKIPPED_MAX = 100;

/**
 * Which part of the files is in force.
 *
 * - `all`: the files as they are.
 * - `last`: the last good version of the site's file, because its present one has an error; or its
 *   present sources with the last selections.
 * - `sources`: the site's file has an error in its selections, and no earlier version of them is known.
 * - `none`: the site's file has an error, and no earlier version is known. The sources listed are
 *   the shipped ones, which it may replace.
 */
export type FilesInForce = 'all' | 'last' | 'sources' | 'none';

/** Files of an import that are stored with its progress; a later run sweeps the parts of further ones. */
export const PROGRESS_FILES_MAX = 64;

export interface BootSource {
  readonly id: number;
  /** Its name in the file that holds its fields; `undefined`: they are stored here. */
  readonly name?: string | undefined;
  readonly url: string;
  /** The path of the index below the URL; `undefined`: the URL names it, or its usual place. */
  readonly index?: string | undefined;
  /**
   * Why the site is trusted without a signature (it has no keys then); `undefined`: its documents
   * must be signed.
   */
  readonly why?: string | undefined;
  /** The file of a keyring on the importing host; empty: the keys are in `keyring`. */
  readonly keyringFilename: string;
  /** The keyring itself; empty: none. */
  readonly keyring: Uint8Array;
  /** Wall time in milliseconds. */
  readonly createdMs: number;
  readonly updatedMs: number;
}

/** The fields of a source that the API sets. */
export type WrittenBootSource = Omit<BootSource, 'id' | 'name' | 'createdMs'>;

export interface BootSelection extends Selection {
  readonly id: number;
  readonly sourceId: number;
}

/** Machines that have a system or are about to get it. */
export interface ImageUse {
  readonly os: string;
  readonly release: string;
  readonly architecture: string;
  readonly machines: number;
  /** How many of them are being deployed. */
  readonly deploying: number;
  /** The first of their hostnames in alphabetical order. */
  readonly first: string;
}

export const IMPORT_STATES = [
  'queued',
  'waiting',
  'connecting',
  'downloading',
  'verifying',
  'cancelled',
  'failed',
  'done',
] as const;

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** Texts from outside are cleaned. */
const importProgress = z.object({
  state: z.enum(IMPORT_STATES),
  /** The name of the source. */
  source: z.string().max(2048),
  serial: z.string().max(64).optional(),
  title: z.string().max(1024),
  bytes: count,
  /** `undefined`: unknown. */
  total: count.optional(),
  bytesPerSecond: count.optional(),
  /** Digests of files of which the importing host may have parts. */
  files: z.array(z.string().max(128)).max(PROGRESS_FILES_MAX).readonly().optional(),
  reason: importReason.optional(),
  /** The next attempt, wall time in milliseconds; of a stopped run, that of the next run is shown. */
  nextMs: z.number().optional(),
});
export type ImportProgress = z.output<typeof importProgress>;

/** An image without its serial: `ubuntu/noble/amd64/generic/release`. */
export interface BootResource {
  readonly id: number;
  readonly name: string;
  readonly wish: ResourceWish;
  /** `undefined`: it was not imported here. */
  readonly progress?: ImportProgress | undefined;
}

export const importRun = z.object({
  /** Wall times in milliseconds; 0: never. */
  askedMs: z.number(),
  /**
   * The names that the last request is for, and then the run that carries it out; empty: all that
   * are selected.
   */
  images: z.array(z.string().max(512)).max(RESOURCES_MAX).default([]),
  /** When a user last asked to stop. */
  stoppedMs: z.number(),
  begunMs: z.number(),
  endedMs: z.number(),
  /** The next run by the schedule; 0: none. */
  nextMs: z.number(),
  /** Images and sources that the last run left out, each with the reason. */
  skipped: z.array(z.object({ name: z.string().max(512), reason: importReason })).max(SKIPPED_MAX),
  skippedMore: count,
  /** The newest last. */
  downloads: z.array(reportedDownload).max(REPORTED_DOWNLOADS_MAX),
});
/** The last run, and the requests for the next one. */
export type ImportRun = z.output<typeof importRun>;

export const NO_RUN: ImportRun = {
  askedMs: 0,
  images: [],
  stoppedMs: 0,
  begunMs: 0,
  endedMs: 0,
  nextMs: 0,
  skipped: [],
  skippedMore: 0,
  downloads: [],
};

/** True from the request until the run begins. */
const isAsked = ({ askedMs, stoppedMs, begunMs }: ImportRun): boolean => askedMs > begunMs && askedMs > stoppedMs;

/** True from the request until the run has ended. */
export const isImporting = (run: ImportRun): boolean => run.begunMs > run.endedMs || isAsked(run);

/** True while a run is under way and was not stopped, even if its process has ended. */
const goesOn = ({ stoppedMs, begunMs, endedMs }: ImportRun): boolean => begunMs > endedMs && stoppedMs <= begunMs;

/**
 * The run after a request, which is newer than all before it. A request for one image changes
 * nothing that was requested for others.
 */
export function withImportRequest(
  run: ImportRun,
  nowMs: number,
  image?: string,
): Pick<ImportRun, 'askedMs' | 'images'> {
  const askedMs = Math.max(nowMs, run.begunMs + 1, run.stoppedMs + 1);
  const isJoined = isAsked(run) || goesOn(run);
  if (image === undefined || (isJoined && run.images.length === 0)) return { askedMs, images: [] };
  return { askedMs, images: [...new Set([...(isJoined ? run.images : []), image])].slice(-RESOURCES_MAX) };
}

/**
 * When the next run is due (infinite: never), and whether a run begins now: a due one, a requested
 * one, or one whose process has ended. A run for single images leaves the schedule as it is.
 */
export function decideNextRun(run: ImportRun, everyMs: number, isRunning: boolean, nowMs: number) {
  const lastMs = Math.min(isRunning ? run.begunMs : run.endedMs, nowMs);
  const keptMs = run.images.length > 0 && run.nextMs > 0 ? run.nextMs : Number.POSITIVE_INFINITY;
  const dueMs = everyMs === 0 ? Number.POSITIVE_INFINITY : Math.min(keptMs, lastMs + everyMs);
  return { dueMs, isNow: isAsked(run) || (!isRunning && goesOn(run)) || dueMs <= nowMs };
}

export interface BootStore {
  /** Lists the sources, ordered by id. */
  listSources(): Promise<readonly BootSource[]>;
  addFileSources(names: readonly string[], atMs: number): Promise<void>;
  /** `exists`: the URL is taken. `limit`: SOURCES_MAX exist already. */
  addSource(source: WrittenBootSource, event: NewMachineEvent): Promise<BootSource | 'exists' | 'limit'>;
  changeSource(
    id: number,
    source: WrittenBootSource,
    event: NewMachineEvent,
  ): Promise<BootSource | 'exists' | 'not-found'>;
  /** @returns false if no such source is stored here; its selections go with it */
  removeSource(id: number, event: NewMachineEvent): Promise<boolean>;

  listSelections(sourceId?: number): Promise<readonly BootSelection[]>;
  /** `exists`: the source has a selection of this os and release. `limit`: it has SELECTIONS_MAX. */
  addSelection(
    sourceId: number,
    selection: Selection,
    event: NewMachineEvent,
  ): Promise<BootSelection | 'exists' | 'limit' | 'not-found'>;
  changeSelection(
    sourceId: number,
    id: number,
    selection: Selection,
    event: NewMachineEvent,
  ): Promise<BootSelection | 'exists' | 'not-found'>;
  removeSelection(sourceId: number, id: number, event: NewMachineEvent): Promise<boolean>;

  /** Lists the resources, ordered by name. */
  listResources(): Promise<readonly BootResource[]>;
  addResources(names: readonly string[], atMs: number): Promise<void>;
  /** Stores the progress of imports, by name, and adds missing rows. */
  noteProgress(progress: ReadonlyMap<string, ImportProgress>, atMs: number): Promise<void>;
  /** @returns false if no such resource exists, or a user has already asked to delete it */
  wish(id: number, wish: ResourceWish, event: NewMachineEvent): Promise<boolean>;
  /** Forgets resources. Those with an upload stay, unless a user asked to delete them. */
  forget(names: readonly string[]): Promise<void>;

  listUses(): Promise<readonly ImageUse[]>;

  findRun(): Promise<ImportRun>;
  changeRun(change: Partial<ImportRun>, event?: NewMachineEvent): Promise<void>;
  /** Replaces the rack's previous report on the same file. */
  noteDownload(download: ReportedDownload, event: NewMachineEvent): Promise<void>;
}
