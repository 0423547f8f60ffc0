// Compares the configurations of a region's processes, which may differ by mistake. Each process
// sends the others the digests of its keys, and reports which live process has other values, or the
// same name.
//
//   every ANNOUNCE_MS: name, host and digests ──▶ the other processes
//   two announcements of another process in succession with a fault ──▶ `onFault`, once; and a note until the fault ends, or that process is silent for SILENT_MS
//
// 1. Only the files are compared, without paths and without keys that each process has for itself
//    (OWN_KEYS), and only among processes of one version.
// 2. An earlier run of this process has ended, so a process that announces the same name is always
//    another one.
// 3. A message that does not have the form comes from another program, and is ignored. Digests are
//    short: they show that values differ, but not the values.

import { hostname } from 'node:os';
import { z } from 'zod';
import { digestValues } from '../config/difference.ts';
import { resolveRegionFile } from '../config/region-file.ts';
import { BoundedMap } from '../ground/bounded-map.ts';
import { cleanText } from '../ground/clean-text.ts';
import { type Clock, type Instant, later, type Timer } from '../ground/clock.ts';
import { NO_SETTINGS } from '../machines/settings.ts';
import type { StoreNeighbours } from '../region/records/store-state.ts';
import type { RackNote } from '../region/reports/notes.ts';
import type { RegionConfiguration } from './configuration.ts';

/** The interval at which a process announces its digests, in milliseconds. */
const ANNOUNCE_MS = 20_000;
/** A process that was silent for this long no longer counts, in milliseconds. */
const SILENT_MS = 60_000;
const OTHERS_MAX = 32;
const PLACE_CHARACTERS_MAX = 120;
/** The number of keys that a note names. Further keys are only counted. */
const KEYS_NAMED_MAX = 8;
const OWN_KEYS = /^(?:name|state_dir|log|metrics|preseeds|region\.(?:listen|tls|store))(?:\.|$)/;

/** An announcement. The database bounds its length. */
const announcementShape = z.object({
  id: z.uuid(),
  name: z.string(),
  /** The host of the process, and the addresses on which it listens. */
  where: z.string().default(''),
  version: z.string(),
  digests: z.record(z.string().regex(/^[a-z0-9_.]+$/), z.string()),
});

type Announcement = z.output<typeof announcementShape>;

interface OtherProcess {
  /** The keys for which the process has other values. */
  readonly keys: readonly string[];
  readonly isNamesake: boolean;
  readonly receivedAt: Instant;
  /** The faults that were received twice in succession. */
  readonly notes: readonly RackNote[];
}

/** Builds the announcement of a configuration, without the id of the process. */
export function buildOwnAnnouncement(
  { config, usable }: RegionConfiguration,
  version: string,
): Omit<Announcement, 'id'> {
  const fileOnly = resolveRegionFile(usable.file, NO_SETTINGS);
  const listen = config.region.listen.map(({ host, port }) => `${host}:${port}`).join(' ');
  return {
    name: config.name,
    version,
    digests: Object.fromEntries(digestValues(fileOnly.ok ? fileOnly : usable)),
    where: cleanText(`${hostname()}, ${listen}`, PLACE_CHARACTERS_MAX),
  };
}

interface OtherConfigurationsDeps {
  readonly clock: Clock;
  readonly neighbours: StoreNeighbours;
  /** The id of this process, unique among all. */
  readonly id: string;
  readonly getOwn: () => Omit<Announcement, 'id'>;
  /** Called once when another process has other values, or the same name. */
  readonly onFault: (note: RackNote) => void;
}

export class OtherConfigurations {
  readonly #deps: OtherConfigurationsDeps;
  readonly #otherProcesses = new BoundedMap<string, OtherProcess>(OTHERS_MAX, 'set longest ago');
  #timer: Timer | undefined;

  constructor(deps: OtherConfigurationsDeps) {
    this.#deps = deps;
    deps.neighbours.hear((text) => this.#receive(text));
  }

  /** The notes on live processes with other values, or with the same name. */
  get notes(): readonly RackNote[] {
    return [...this.#otherProcesses.values()].filter((other) => this.#isAlive(other)).flatMap(({ notes }) => notes);
  }

  /** Announces the digests now, and then at intervals. */
  announce(): void {
    const { clock, neighbours, id, getOwn: own } = this.#deps;
    const { digests, ...rest } = own();
    const comparable = Object.entries(digests).filter(([key]) => !OWN_KEYS.test(key));
    neighbours.say(JSON.stringify({ id, ...rest, digests: Object.fromEntries(comparable) } satisfies Announcement));
    this.#timer = clock.schedule(ANNOUNCE_MS, () => this.announce());
  }

  close(): void {
    this.#timer?.cancel();
  }

  #receive(text: string): void {
    const { clock, id, getOwn: own, onFault } = this.#deps;
    const announcement = readMessage(text);
    const ownAnnouncement = own();
    if (announcement === undefined || announcement.id === id || announcement.version !== ownAnnouncement.version)
      return;
    const keys = listDifferingKeys(ownAnnouncement.digests, announcement.digests);
    const earlier = this.#otherProcesses.get(announcement.id);
    const previous = earlier !== undefined && this.#isAlive(earlier) ? earlier : undefined;
    const isNamesake = announcement.name === ownAnnouncement.name;
    const name = cleanText(announcement.name);
    // Only a fault that is received twice is noted, so that a person who changes one file after the
    // other gets no warning.
    const notes: readonly RackNote[] = [
      ...(keys.length > 0 && (previous?.keys.length ?? 0) > 0 ? [buildDifferenceNote(name, keys)] : []),
      ...(isNamesake && previous?.isNamesake === true ? [buildNameNote(name, announcement.where)] : []),
    ];
    this.#otherProcesses.set(announcement.id, { keys, isNamesake, receivedAt: clock.now(), notes });
    for (const fault of notes) if (previous?.notes.some(({ note }) => note === fault.note) !== true) onFault(fault);
  }

  #isAlive({ receivedAt: heardAt }: OtherProcess): boolean {
    return this.#deps.clock.now() < later(heardAt, SILENT_MS);
  }
}

function readMessage(text: string): Announcement | undefined {
  try {
    return announcementShape.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function listDifferingKeys(
  ownDigests: Announcement['digests'],
  otherDigests: Announcement['digests'],
): readonly string[] {
  const keys = new Set([...Object.keys(ownDigests), ...Object.keys(otherDigests)].filter((key) => !OWN_KEYS.test(key)));
  return [...keys].filter((key) => ownDigests[key] !== otherDigests[key]).sort();
}

const buildNameNote = (name: string, where: string): RackNote => ({
  note: 'name-shared',
  name,
  where: cleanText(where, PLACE_CHARACTERS_MAX),
});

const buildDifferenceNote = (name: string, keys: readonly string[]): RackNote => ({
  note: 'configurations-differ',
  name,
  setting: keys.slice(0, KEYS_NAMED_MAX).join(' '),
  more: Math.max(0, keys.length - KEYS_NAMED_MAX),
});
