// The configuration of a running region: its file, merged with the settings of its store. A change is in force as a whole or not at all.
//
//   file changed ──┐
//   store changed ─┴─► in turn: read ─ check ─┬─ apply ─► in force, each changed key reported
//                                             └─ refused: the last good one stays, and the problems are reported

import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../clock.ts';
import { type ConfigFile, formatProblems, readConfigFile, readConfigText } from '../config/config-file.ts';
import { compareConfigs, holdKeys } from '../config/difference.ts';
import { findKeyRule } from '../config/keys.ts';
import {
  loadRegionFile,
  type RegionFileConfig,
  resolveRegionFile,
  storedForRegion,
  type UsableRegionFile,
} from '../config/region-file.ts';
import type { DaemonEvent } from '../daemon/rack/events.ts';
import { errorText, RackError } from '../errors.ts';
import { NO_SETTINGS, type Settings } from '../machines/settings.ts';

/** The most changed keys that are listed; the rest are counted. */
const REPORTED_MAX = 50;
/** The key of the store, which is already open and is replaced only at a restart. */
const STORE_KEY = 'region.store';

type Source = 'file' | 'store';

export interface RegionConfigurationPorts {
  readonly clock: Clock;
  readonly publish: (event: DaemonEvent) => void;
  /** Replaces `before` by `next`. @throws RackError after restoring `before` */
  readonly apply: (next: UsableRegionFile, before: UsableRegionFile) => Promise<void>;
}

/** A refused configuration. */
interface Refusal {
  readonly source: Source;
  /** The first of the consecutive refusals: wall time, in milliseconds. */
  readonly sinceMs: number;
  readonly problems: string;
}

export class RegionConfiguration {
  readonly path: string;
  #usable: UsableRegionFile;
  /** The store's settings, including those that only racks use. */
  #stored: Settings = NO_SETTINGS;
  /** The store's settings that concern the region. */
  #wanted: Settings = NO_SETTINGS;
  #refusal: Refusal | undefined;
  #restartKeys: readonly string[] = [];
  #changing: Promise<void> = Promise.resolve();

  /** Reads the file alone. @throws RackError `config-unreadable`, `config-invalid` */
  constructor(path: string) {
    this.path = path;
    this.#usable = loadRegionFile(path);
  }

  get config(): RegionFileConfig {
    return this.#usable.config;
  }

  get usable(): UsableRegionFile {
    return this.#usable;
  }

  /** The store's settings, including those that only racks use. */
  get stored(): Settings {
    return this.#stored;
  }

  /** The last refused configuration; undefined if every requested change is in force. */
  get refusal(): Refusal | undefined {
    return this.#refusal;
  }

  /** The changed keys whose running values stay until a restart. */
  get restartKeys(): readonly string[] {
    return this.#restartKeys;
  }

  /** Resolves when every change requested so far is in force or refused. */
  get settled(): Promise<void> {
    return this.#changing;
  }

  /** Merges the file with the store's settings before the region serves; if they do not fit together, the file alone stays in force. */
  begin(ports: RegionConfigurationPorts, settings: Settings | undefined): void {
    this.#stored = settings ?? NO_SETTINGS;
    this.#wanted = storedForRegion(this.#stored);
    const parsed = resolveRegionFile(this.#usable.file, this.#wanted);
    if (parsed.ok) this.#usable = parsed;
    else this.#refuse(ports, 'store', formatProblems(this.path, parsed.problems));
  }

  /** Reads the file again. */
  readFile(ports: RegionConfigurationPorts): void {
    this.#enqueue(ports, 'file', () => {
      const read = readConfigFile(readConfigText(this.path, 'region'));
      if (!read.ok) throw new RackError('config-invalid', formatProblems(this.path, read.problems));
      return read.file;
    });
  }

  /** Applies the store's settings; does nothing if those that concern the region are unchanged. */
  useStored(ports: RegionConfigurationPorts, settings: Settings | undefined): void {
    this.#stored = settings ?? NO_SETTINGS;
    const wanted = storedForRegion(this.#stored);
    if (isDeepStrictEqual(wanted, this.#wanted)) return;
    this.#wanted = wanted;
    this.#enqueue(ports, 'store', () => this.#usable.file);
  }

  #enqueue(ports: RegionConfigurationPorts, source: Source, read: () => ConfigFile): void {
    this.#changing = this.#changing.then(async () => {
      try {
        await this.#offer(ports, source, read());
      } catch (error) {
        this.#refuse(ports, source, errorText(error));
      }
    });
  }

  async #offer(ports: RegionConfigurationPorts, source: Source, file: ConfigFile): Promise<void> {
    const { clock, publish } = ports;
    const before = this.#usable;
    const { usable, keys } = holdBack(before, this.#resolve(file));
    if (keys.length > 0) publish({ kind: 'config.needs-restart', at: clock.now(), keys: keys.join(' ') });
    await ports.apply(usable, before);
    this.#usable = usable;
    this.#refusal = undefined;
    // The store's settings are merged with the file that is in force, which has the running values.
    this.#restartKeys = source === 'file' ? keys : [...new Set([...this.#restartKeys, ...keys])];
    const changes = compareConfigs(before, usable);
    for (const { key, before: was, after } of changes.slice(0, REPORTED_MAX))
      publish({ kind: 'config.changed', at: clock.now(), key, before: was, after });
    publish({ kind: 'config.applied', at: clock.now(), file: this.path, source, changes: changes.length });
  }

  /** @throws RackError `config-invalid` */
  #resolve(file: ConfigFile): UsableRegionFile {
    const parsed = resolveRegionFile(file, this.#wanted);
    if (!parsed.ok) throw new RackError('config-invalid', formatProblems(this.path, parsed.problems));
    return parsed;
  }

  #refuse({ clock, publish }: RegionConfigurationPorts, source: Source, problems: string): void {
    this.#refusal = { source, sinceMs: this.#refusal?.sinceMs ?? clock.wallTimeMs(), problems };
    publish({ kind: 'config.refused', at: clock.now(), file: this.path, source, problems });
  }
}

const ofStore = (key: string): boolean => key === STORE_KEY || key.startsWith(`${STORE_KEY}.`);

/** The new configuration with the running values of all keys that need a restart, and the names of those that differ. */
function holdBack(
  running: UsableRegionFile,
  next: UsableRegionFile,
): { readonly usable: UsableRegionFile; readonly keys: readonly string[] } {
  const keys = compareConfigs(running, next)
    .map(({ key }) => key)
    .filter((key) => ofStore(key) || findKeyRule(key)?.restart !== undefined);
  const written = new Set(keys.map((key) => (ofStore(key) ? STORE_KEY : key)));
  return { usable: holdKeys(running, next, { keys, written, resolve: resolveRegionFile }), keys };
}
