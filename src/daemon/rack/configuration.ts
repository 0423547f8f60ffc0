// The configuration in force: the file merged with what the region's store owns, and how one takes the place of the other.
//
//   file saved, SIGHUP ─ readFile ──┐
//                                   ├─ #offer: resolve ─ host ─ hold back restart keys ─ ports.apply ─┬─ in force, told key by key
//   store changed ────── useStored ─┘                                                                 └─ refused, told; nothing changes
//
// 1. One change after the other; each takes effect whole or not at all.
// 2. A refused file is read again when it is saved; a refused state of the store is tried again with the next file.
// 3. Keys that only a restart changes keep their running values, and are told.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Clock, Instant } from '../../clock.ts';
import { compareConfigs, type RunningLease, strander } from '../../config/difference.ts';
import { findCertificateProblems, findHostOverlaps } from '../../config/host-check.ts';
import { RESTART_KEYS } from '../../config/keys.ts';
import {
  type ConfigFile,
  formatProblems,
  loadFitting,
  readConfigFile,
  readConfigText,
  resolveFile,
  type UsableConfig,
} from '../../config/load.ts';
import type { ConfigProblem, RackConfig } from '../../config/rack-config.ts';
import { errorText, RackError } from '../../errors.ts';
import { NO_SETTINGS, type Settings, valueAt, withValue } from '../../machines/settings.ts';
import { formatIpv4 } from '../../net/address.ts';
import type { HostInterface } from '../../net/host-interface.ts';
import type { DaemonEvent } from './events.ts';
import { findLost, type LostNetworks, unservedText } from './unserved.ts';

/** Changed keys, and stranded leases, that are told one by one; more are counted. */
const TOLD_MAX = 50;
/** Leases that are looked at in one turn: with a million of them a change takes seconds, and holds no datagram up. */
const TURN_LEASES = 1024;

export interface ConfigurationPorts {
  readonly clock: Clock;
  readonly publish: (event: DaemonEvent) => void;
  readonly host: () => readonly HostInterface[];
  /** Gone through in many turns of the event loop. */
  readonly leases: () => Iterable<RunningLease>;
  /** Puts `next` in the place of `before`. @throws RackError: `before` is in force again */
  readonly apply: (next: RackConfig, before: RackConfig) => Promise<void>;
  /** Told after a configuration has taken effect. */
  readonly applied: (config: RackConfig) => void;
  /** Told after one was refused, whoever it came from. */
  readonly refused: () => void;
}

/** What was refused, and is not in force. */
export interface Refusal {
  readonly source: Source;
  /** Since when nothing was taken: of refusals in a row the first. */
  readonly since: Instant;
  /** One problem a line. */
  readonly problems: string;
}

/** Who asked for a change. */
type Source = 'file' | 'store';

export class Configuration {
  readonly path: string;
  #usable: UsableConfig;
  /** What the store said last, whether it could be used or not. */
  #wanted: Settings;
  #changing: Promise<void> = Promise.resolve();
  /** What of the store could not be used at the start. */
  #startProblems: string | undefined;
  #refusal: Refusal | undefined;
  #lost: LostNetworks | undefined;

  /**
   * Reads the file, and merges it with what the store is known to own; where they do not fit the file alone is used.
   * @param stored gives what was cached of the store in this state directory
   * @throws RackError `config-unreadable`, `config-invalid`
   */
  constructor(path: string, stored: (stateDir: string) => Settings | undefined) {
    this.path = path;
    const { usable, wanted, refused } = loadFitting(path, stored);
    this.#usable = usable;
    this.#wanted = wanted;
    this.#startProblems = refused;
  }

  get config(): RackConfig {
    return this.#usable.config;
  }

  /** The same with the forms in which it was written. */
  get usable(): UsableConfig {
    return this.#usable;
  }

  /** The problems of what was refused last, until something else is in force. */
  get refused(): string | undefined {
    return this.#refusal?.problems;
  }

  /** The same with who asked, and since when; undefined: all that was asked for is in force. */
  get refusal(): Refusal | undefined {
    return this.#refusal;
  }

  /** Why what the store owns is not in force; undefined: it is. */
  get settingsRefused(): string | undefined {
    if (isDeepStrictEqual(this.#wanted, this.#usable.stored)) return undefined;
    return this.refused ?? this.#startProblems;
  }

  /** That a rack with a region elsewhere serves no network, and what to do; undefined: it serves one, or its region is its own. */
  get unserved(): string | undefined {
    return unservedText(this.config, this.path, this.#lost);
  }

  /** Ends when every change that was asked for so far is in force or refused. */
  get settled(): Promise<void> {
    return this.#changing;
  }

  /** Tells what could not be used at the start, once. */
  announce(ports: ConfigurationPorts): void {
    if (this.#startProblems === undefined) return;
    this.#refuse(ports, 'store', this.#startProblems);
    this.#startProblems = undefined;
  }

  /** Reads the file again. */
  readFile(ports: ConfigurationPorts): void {
    this.#enqueue(ports, 'file', () => {
      const read = readConfigFile(readConfigText(this.path));
      if (!read.ok) return read.problems;
      return isEmpty(read.file) && !isEmpty(this.#usable.file) ? [EMPTIED] : read.file;
    });
  }

  /** Takes over what the store owns now; nothing happens when that is what is known. */
  useStored(ports: ConfigurationPorts, settings: Settings | undefined): void {
    const wanted = settings ?? NO_SETTINGS;
    if (isDeepStrictEqual(wanted, this.#wanted)) return;
    this.#wanted = wanted;
    this.#enqueue(ports, 'store', () => this.#usable.file);
  }

  #enqueue(ports: ConfigurationPorts, source: Source, read: () => ConfigFile | readonly ConfigProblem[]): void {
    this.#changing = this.#changing.then(async () => {
      try {
        const file = read();
        if (isProblems(file)) this.#refuse(ports, source, formatProblems(this.path, file));
        else await this.#offer(ports, source, file);
      } catch (error) {
        this.#refuse(ports, source, errorText(error));
      }
    });
  }

  async #offer(ports: ConfigurationPorts, source: Source, file: ConfigFile): Promise<void> {
    const before = this.#usable;
    const parsed = resolveFile(file, this.#wanted);
    const problems = parsed.ok
      ? [
          ...findHostOverlaps(parsed.config, ports.host()),
          ...(source === 'file' ? findCertificateProblems(parsed.config) : []),
        ]
      : parsed.problems;
    if (!parsed.ok || problems.length > 0) {
      this.#refuse(ports, source, formatProblems(this.path, problems));
      return;
    }
    const { usable, keys } = holdBack(before, parsed);
    if (keys.length > 0) ports.publish({ kind: 'config.needs-restart', at: ports.clock.now(), keys: keys.join(' ') });
    await ports.apply(usable.config, before.config);
    this.#usable = usable;
    this.#refusal = undefined;
    ports.applied(usable.config);
    if (source === 'store') this.#noteLoss(ports, before);
    await this.#tell(ports, source, before);
  }

  #noteLoss({ clock, publish }: ConfigurationPorts, before: UsableConfig): void {
    const lost = findLost(before, this.config, clock.wallTimeMs());
    if (lost === undefined) return;
    this.#lost = lost;
    publish({ kind: 'config.networks-lost', at: clock.now(), networks: lost.networks, command: lost.command });
  }

  async #tell({ clock, publish, leases }: ConfigurationPorts, source: Source, before: UsableConfig): Promise<void> {
    const at = clock.now();
    const changes = compareConfigs(before, this.#usable);
    for (const { key, before: was, after } of changes.slice(0, TOLD_MAX))
      publish({ kind: 'config.changed', at, key, before: was, after });
    const { count, addresses } = await findStranded(leases(), strander(before.config, this.config));
    if (count > 0) publish({ kind: 'config.stranded', at, leases: count, addresses: addresses.join(' ') });
    publish({ kind: 'config.applied', at, file: this.path, source, changes: changes.length });
  }

  #refuse({ clock, publish, refused }: ConfigurationPorts, source: Source, problems: string): void {
    const at = clock.now();
    this.#refusal = { source, since: this.#refusal?.since ?? at, problems };
    publish({ kind: 'config.refused', at, file: this.path, source, problems });
    refused();
  }
}

/** How many leases a change strands, and the addresses of the first. */
async function findStranded(leases: Iterable<RunningLease>, isStranded: (lease: RunningLease) => boolean) {
  const addresses: string[] = [];
  let [count, seen] = [0, 0];
  for (const lease of leases) {
    if (isStranded(lease)) {
      count += 1;
      if (addresses.length < TOLD_MAX) addresses.push(formatIpv4(lease.address));
    }
    seen += 1;
    if (seen % TURN_LEASES === 0) await nextTurn();
  }
  return { count, addresses };
}

/** Serving nobody is a configuration to start with; nobody says it to a rack that serves by a file without a word. */
const EMPTIED: ConfigProblem = {
  path: '',
  line: undefined,
  message: 'is empty: it was cut short, or its disk is full; write what the rack shall do, or stop it',
};
const isEmpty = ({ values }: ConfigFile): boolean => Object.keys(values).length === 0;

const isProblems = (value: ConfigFile | readonly ConfigProblem[]): value is readonly ConfigProblem[] =>
  Array.isArray(value);

/** The new configuration with the values that only a restart changes taken from the running one, and the keys where they differ. */
function holdBack(
  running: UsableConfig,
  next: UsableConfig,
): { readonly usable: UsableConfig; readonly keys: readonly string[] } {
  const changed = compareConfigs(running, next).filter(({ restart }) => restart !== undefined);
  if (changed.length === 0) return { usable: next, keys: [] };
  const keys = changed.map(({ key }) => key);
  let values = next.file.values;
  for (const key of RESTART_KEYS.filter((rule) => keys.some((one) => one === rule || one.startsWith(`${rule}.`))))
    values = withValue(values, key, valueAt(running.file.values, key));
  const held = resolveFile({ ...next.file, values }, next.stored);
  if (held.ok) return { usable: held, keys };
  const problems = held.problems.map(({ path, message }) => `${path}: ${message}`).join('; ');
  throw new RackError(
    'config-invalid',
    `with ${keys.join(', ')} as they run, which only a restart changes: ${problems}`,
  );
}
