// The configuration of a running process: its file, merged with the settings of the region's store.
// A change is in force as a whole or not at all.
//
//   file changed ──┐
//   store changed ─┴─► in turn: read ─ check ─┬─ apply ─► in force, each changed key reported
//                                             └─ refused: the last good one stays, and the problems are reported

import { isDeepStrictEqual } from 'node:util';
import type { Clock, Instant } from '../ground/clock.ts';
import { errorText, RackError } from '../ground/errors.ts';
import { type Settings, valueAt, withValue } from '../machines/settings.ts';
import type { DaemonEvent } from '../region/reports/daemon-events.ts';
import { type ConfigFile, formatProblems, readConfigFile, readConfigText } from './config-file.ts';
import { compareConfigs } from './difference.ts';
import type { ConfigProblem } from './rack-config.ts';
import type { ParsedFile, UsableFile } from './resolve-file.ts';

/** The most changed keys that are listed; the rest are counted. */
export const REPORTED_CHANGES_MAX = 50;

type Source = 'file' | 'store';

export interface RunningConfigDeps<Usable> {
  readonly clock: Clock;
  readonly publish: (event: DaemonEvent) => void;
  /** Replaces `before` by `next`. @throws RackError after restoring `before` */
  readonly apply: (nextUsable: Usable, previousUsable: Usable) => Promise<void>;
}

/** A refused configuration. */
export interface Refusal {
  readonly source: Source;
  /** The first of the consecutive refusals. */
  readonly firstRefusedAt: Instant;
  /** One problem per line. */
  readonly problems: string;
}

export abstract class RunningConfig<
  Config,
  Written extends Readonly<Record<string, unknown>>,
  Ports extends RunningConfigDeps<UsableFile<Config, Written>>,
> {
  readonly path: string;
  protected current: UsableFile<Config, Written>;
  /** The latest settings of the store that concern this process, whether or not they could be used. */
  protected storedSettings: Settings;
  /** Whose file it is, for the remedy of one that cannot be read. */
  readonly #owner: 'rack' | 'region';
  /** The written keys whose running values stay until a restart. */
  readonly #heldKeys: readonly string[];
  #lastChange: Promise<void> = Promise.resolve();
  #refusal: Refusal | undefined;
  #restartKeys: readonly string[] = [];

  protected constructor(
    path: string,
    [owner, heldKeys]: readonly ['rack' | 'region', readonly string[]],
    [usable, storedSettings]: readonly [UsableFile<Config, Written>, Settings],
  ) {
    this.path = path;
    this.#owner = owner;
    this.#heldKeys = heldKeys;
    this.current = usable;
    this.storedSettings = storedSettings;
  }

  protected abstract resolve(file: ConfigFile, storedSettings: Settings): ParsedFile<Config, Written>;

  /** The problems of a valid configuration on this host. */
  protected abstract check(
    nextFile: UsableFile<Config, Written>,
    source: Source,
    ports: Ports,
  ): readonly ConfigProblem[];

  /** Called when `current` has replaced `before`. */
  protected abstract onApplied(previousFile: UsableFile<Config, Written>, source: Source, ports: Ports): Promise<void>;

  get config(): Config {
    return this.current.config;
  }

  /** The configuration in force, with its values as written. */
  get usable(): UsableFile<Config, Written> {
    return this.current;
  }

  /** The last refused configuration; `undefined` if every requested change is in force. */
  get refusal(): Refusal | undefined {
    return this.#refusal;
  }

  /** The changed keys whose running values stay until a restart. */
  get restartKeys(): readonly string[] {
    return this.#restartKeys;
  }

  /** Resolves when every change requested so far is in force or refused. */
  get whenSettled(): Promise<void> {
    return this.#lastChange;
  }

  readFile(ports: Ports): void {
    this.#enqueueChange(ports, 'file', () => {
      const readResult = readConfigFile(readConfigText(this.path, this.#owner));
      if (readResult.ok) return readResult.file;
      throw this.#invalidError(readResult.problems);
    });
  }

  /** Applies settings of the store; does nothing if they are unchanged. */
  protected applySettings(ports: Ports, storedSettings: Settings): void {
    if (isDeepStrictEqual(storedSettings, this.storedSettings)) return;
    this.storedSettings = storedSettings;
    this.#enqueueChange(ports, 'store', () => this.current.file);
  }

  /** Does further work on the configuration in force, in turn. Rejects as the work does. */
  protected enqueue(work: () => Promise<void>): Promise<void> {
    const result = this.#lastChange.then(work);
    this.#lastChange = result.catch(() => undefined);
    return result;
  }

  protected refuse({ clock, publish }: Ports, source: Source, problems: string): void {
    const now = clock.now();
    this.#refusal = { source, firstRefusedAt: this.#refusal?.firstRefusedAt ?? now, problems };
    publish({ kind: 'config.refused', at: now, file: this.path, source, problems });
  }

  #enqueueChange(ports: Ports, source: Source, loadFile: () => ConfigFile): void {
    void this.enqueue(async () => {
      try {
        await this.#applyChange(ports, source, loadFile());
      } catch (error) {
        this.refuse(ports, source, errorText(error));
      }
    });
  }

  async #applyChange(ports: Ports, source: Source, file: ConfigFile): Promise<void> {
    const { clock, publish } = ports;
    const usableBefore = this.current;
    const parsed = this.#resolveOrThrow(file, this.storedSettings);
    const problems = this.check(parsed, source, ports);
    if (problems.length > 0) throw this.#invalidError(problems);
    const keys = compareConfigs(usableBefore, parsed)
      .map(({ key }) => key)
      .filter((key) => this.#findHeldKey(key) !== undefined);
    const usable = keys.length === 0 ? parsed : this.#keepRunningValues(parsed, keys);
    if (keys.length > 0) publish({ kind: 'config.needs-restart', at: clock.now(), keys: keys.join(' ') });
    await ports.apply(usable, usableBefore);
    this.current = usable;
    this.#refusal = undefined;
    // The store's settings are merged with the file that is in force, which has the running values.
    this.#restartKeys = source === 'file' ? keys : [...new Set([...this.#restartKeys, ...keys])];
    await this.onApplied(usableBefore, source, ports);
    const changes = compareConfigs(usableBefore, usable);
    const now = clock.now();
    for (const { key, before: valueBefore, after } of changes.slice(0, REPORTED_CHANGES_MAX))
      publish({ kind: 'config.changed', at: now, key, before: valueBefore, after, source });
    publish({ kind: 'config.applied', at: now, file: this.path, source, changes: changes.length });
  }

  /**
   * The new configuration with the running values of the keys that wait for a restart.
   * @throws RackError `config-invalid` if the new and the running values do not fit together
   */
  #keepRunningValues(nextFile: UsableFile<Config, Written>, keys: readonly string[]): UsableFile<Config, Written> {
    let { values } = nextFile.file;
    for (const key of new Set(keys.flatMap((changedKey) => this.#findHeldKey(changedKey) ?? [])))
      values = withValue(values, key, valueAt(this.current.file.values, key));
    return this.#resolveOrThrow({ ...nextFile.file, values }, nextFile.stored, keys);
  }

  #findHeldKey(key: string): string | undefined {
    return this.#heldKeys.find((heldKey) => key === heldKey || key.startsWith(`${heldKey}.`));
  }

  /**
   * @param heldKeys the keys with running values
   * @throws RackError `config-invalid`
   */
  #resolveOrThrow(
    file: ConfigFile,
    storedSettings: Settings,
    heldKeys: readonly string[] = [],
  ): UsableFile<Config, Written> {
    const parsed = this.resolve(file, storedSettings);
    if (parsed.ok) return parsed;
    if (heldKeys.length === 0) throw this.#invalidError(parsed.problems);
    const problems = parsed.problems.map(({ path, message }) => `${path}: ${message}`).join('; ');
    throw new RackError(
      'config-invalid',
      `with the running values of ${heldKeys.join(', ')}, which need a restart: ${problems}`,
    );
  }

  #invalidError(problems: readonly ConfigProblem[]): RackError {
    return new RackError('config-invalid', formatProblems(this.path, problems));
  }
}
