// What the region's store owns of its racks' configuration: who may change which key, for whom, and what each rack is sent.
//
//   change ─ key known? ─ the store's? ─ written in a rack's file? ─ with all else still a configuration? ─ stored, sent to the racks
//
// 1. A value that a rack's file writes is read-only here, and the refusal says which file and key.
// 2. What is stored can be served: the whole configuration is checked before, in the same transaction. With what is set nothing stops
//    booting that could boot before, as far as the tree of this host tells.
// 3. Cluster interfaces are of one rack, by name; keys of the region itself go to the rack of its process; every other key is of all racks.

import type { Clock } from '../clock.ts';
import {
  INTERFACES_KEY,
  isSettings,
  NO_SETTINGS,
  type Settings,
  type SettingValue,
  withValue,
} from '../machines/settings.ts';
import { nearestName } from '../nearest-name.ts';
import type { OwnRack } from './config.ts';
import type { Racks } from './racks/racks.ts';
import type { RegionStore, SettingChange, StoredSetting } from './records/store.ts';

/** Keys that the store holds, of all racks together. */
export const SETTINGS_MAX = 4096;

/** One thing that is wrong with a configuration. */
export interface SettingProblem {
  /** Where, by the names of the configuration: `cluster_interfaces.lab.ip_range_low`. */
  readonly key: string;
  readonly message: string;
}

/** What the region does not know of configurations itself: the port that the process hands it. */
export interface SettingsRules {
  /** Who may own a key; undefined: there is no such key. */
  ownerOf(key: string): 'file' | 'either' | undefined;
  /** The key that was meant by one that there is not; undefined: the key is there, or none is like it. */
  nearestKey(key: string): string | undefined;
  /** Names of the fields that a cluster interface may have. */
  readonly interfaceFields: ReadonlySet<string>;
  /** Keys that the store could own and this file does. */
  pinned(file: Settings): readonly string[];
  /** What would be wrong with a rack that has this file and is sent these settings. @param isHere it is on this host */
  problemsOf(file: Settings, stored: Settings, isHere: boolean): readonly SettingProblem[];
  /** With what machines would no longer boot at the rack of this host, were `after` stored in the place of `before`. */
  bootStopsOf(file: Settings, before: Settings, after: Settings): readonly SettingProblem[];
  /** A key's value in force, defaults filled in, as it would be written. */
  valueOf(key: string, file: Settings, stored: Settings): SettingValue | undefined;
  /** The cluster interfaces in force, as they would be written. */
  interfacesOf(file: Settings, stored: Settings): readonly Settings[];
}

/** A region that was handed no rules owns no settings. */
export const NO_RULES: SettingsRules = {
  ownerOf: () => undefined,
  nearestKey: () => undefined,
  interfaceFields: new Set(),
  pinned: () => [],
  problemsOf: () => [],
  bootStopsOf: () => [],
  valueOf: () => undefined,
  interfacesOf: () => [],
};

export type SettingsReason = 'setting-unknown' | 'setting-read-only' | 'setting-invalid' | 'settings-limit';

export interface SettingsRefusal {
  readonly reason: SettingsReason;
  readonly text: string;
  /** What is wrong, for `setting-invalid`. */
  readonly problems: readonly SettingProblem[];
}

/** A key with its new value; `value` undefined: the store no longer owns it. */
export interface SettingEdit {
  readonly key: string;
  readonly value: SettingValue | undefined;
}

export interface SettingsParts {
  readonly store: RegionStore;
  readonly clock: Clock;
  readonly racks: Racks;
  readonly rules: SettingsRules;
  readonly ownRack: () => OwnRack | undefined;
  /** Told after a change. */
  readonly onChange: () => void;
}

export class RegionSettings {
  readonly rules: SettingsRules;
  readonly #parts: SettingsParts;
  #list: readonly StoredSetting[] = [];

  constructor(parts: SettingsParts) {
    this.#parts = parts;
    this.rules = parts.rules;
    this.load();
  }

  /** Reads again what the store holds. */
  load(): void {
    this.#list = this.#parts.store.listSettings();
  }

  /** What the store owns, of all racks. */
  list(): readonly StoredSetting[] {
    return this.#list;
  }

  /** What one rack is sent; undefined: nothing. @param rack undefined: the rack of this process */
  of(rack: string | undefined): Settings | undefined {
    const settings = this.#settingsFor(rack ?? this.#parts.ownRack()?.uuid ?? '', this.#list);
    return Object.keys(settings).length === 0 ? undefined : settings;
  }

  /** The value in force of a key at the rack of this process, and with no such rack what the store owns. */
  valueOf(key: string): SettingValue | undefined {
    return this.rules.valueOf(key, this.#fileOf(undefined), this.of(undefined) ?? NO_SETTINGS);
  }

  /** The UUID of the rack that is named: by it, by its name, or `master` for the rack of this process; undefined: none, or several. */
  findRack(name: string): string | undefined {
    const own = this.#parts.ownRack()?.uuid;
    if (name === 'master' || name === own) return own;
    const racks = this.#parts.racks.list();
    const named = racks.filter((rack) => rack.name === name);
    return racks.find(({ uuid }) => uuid === name)?.uuid ?? (named.length === 1 ? named[0]?.uuid : undefined);
  }

  /** The cluster interfaces of a rack: those in force, and of a remote rack those that it has told. */
  interfacesOf(rack: string): readonly Settings[] {
    const stored = this.#settingsFor(rack, this.#list);
    const listed = this.rules.interfacesOf(this.#fileOf(rack), stored);
    if (rack === this.#parts.ownRack()?.uuid) return listed;
    const names = new Set(listed.map(({ name }) => name));
    const told = (this.#parts.racks.find(rack)?.interfaces ?? []).filter(({ name }) => !names.has(name));
    return [...listed, ...told.map((one) => Object.fromEntries(Object.entries(one).filter(([, text]) => text !== '')))];
  }

  /** Who writes a key that is read-only here: `written in FILE as KEY`; undefined: nobody. */
  pinnedBy(key: string, rack: string): string | undefined {
    const own = this.#parts.ownRack();
    if (own !== undefined && (rack === '' || rack === own.uuid)) {
      return this.rules.pinned(own.values).includes(key) ? `written in ${own.file} as ${key}` : undefined;
    }
    const remote = this.#parts.racks.find(rack);
    const isPinned = remote?.pulse?.pinned.includes(key) === true;
    return isPinned ? `written in the configuration file of the rack ${remote.name} as ${key}` : undefined;
  }

  /**
   * Changes keys, all of them or none. A field of a cluster interface is a key, too: `cluster_interfaces.lab.router_ip`.
   * @param rack whose cluster interfaces are meant; empty: those of the rack of this process
   * @returns undefined when it is stored
   */
  change(rack: string, edits: readonly SettingEdit[], username: string): SettingsRefusal | undefined {
    const { store, clock } = this.#parts;
    const atMs = clock.wallTimeMs();
    const owner = rack === '' ? (this.#parts.ownRack()?.uuid ?? '') : rack;
    const outcome = store.changeSettings<SettingsRefusal>(atMs, (current) => {
      const changes: SettingChange[] = [];
      let list = current;
      for (const edit of edits) {
        const change = this.#decide(owner, edit, list);
        if ('reason' in change) return { kind: 'refuse', refusal: change };
        list = withChange(list, change);
        changes.push(change);
      }
      const refusal = this.#check(list, changes) ?? this.#checkBoot(current, list, changes);
      if (refusal !== undefined) return { kind: 'refuse', refusal };
      const names = changes.map(({ key, value }) => `${value === undefined ? 'removed' : 'set'} ${key}`).join(', ');
      return { kind: 'change', changes, events: [{ type: 'SETTINGS', description: names, atMs, username }] };
    });
    if (outcome.kind === 'refuse') return outcome.refusal;
    this.#list = outcome.settings;
    this.#parts.onChange();
    return undefined;
  }

  #decide(owner: string, edit: SettingEdit, list: readonly StoredSetting[]): SettingChange | SettingsRefusal {
    const { interfaceName, field } = this.#split(edit.key);
    const key = interfaceName === undefined ? edit.key : `${INTERFACES_KEY}.${interfaceName}`;
    const rack = interfaceName === undefined ? '' : owner;
    const rule = edit.key === INTERFACES_KEY ? undefined : this.rules.ownerOf(key);
    const meant = interfaceName === undefined ? this.rules.nearestKey(edit.key) : undefined;
    if (rule === undefined || meant !== undefined) {
      const hint =
        edit.key === INTERFACES_KEY
          ? `name one: ${INTERFACES_KEY}.NAME`
          : `${meant === undefined ? '' : `did you mean ${meant}? `}rackboot config show lists all keys`;
      return refusal('setting-unknown', `${edit.key}: there is no such key; ${hint}`);
    }
    if (rule === 'file')
      return refusal('setting-read-only', `${key} is read-only: only the configuration file owns it`);
    if (edit.value !== undefined) {
      const pinned = this.pinnedBy(key, rack);
      if (pinned !== undefined) return refusal('setting-read-only', `${key} is read-only: ${pinned}`);
    }
    const before = list.find((one) => one.rack === rack && one.key === key)?.value;
    if (edit.value === undefined && before === undefined) {
      const field = this.rules.nearestKey(edit.key);
      const hint = field === undefined ? '' : `; did you mean ${field}?`;
      return refusal('setting-unknown', `${edit.key}: the store does not own it, so there is nothing to remove${hint}`);
    }
    if (field === undefined) return this.#unknownField(edit) ?? { rack, key, value: edit.value };
    const fields = isSettings(before) ? before : {};
    return { rack, key, value: withValue(fields, field, edit.value) };
  }

  /** `cluster_interfaces.eth1.100.router_ip`: the interface `eth1.100` and its field; a name may hold dots, a field does not. */
  #split(key: string): { readonly interfaceName?: string; readonly field?: string } {
    if (!key.startsWith(`${INTERFACES_KEY}.`)) return {};
    const name = key.slice(INTERFACES_KEY.length + 1);
    const dot = name.lastIndexOf('.');
    const last = name.slice(dot + 1);
    return dot > 0 && this.rules.interfaceFields.has(last)
      ? { interfaceName: name.slice(0, dot), field: last }
      : { interfaceName: name };
  }

  /** A name may hold a dot, but what is no mapping is no network: then the last part is a field with a typo. */
  #unknownField({ key, value }: SettingEdit): SettingsRefusal | undefined {
    const last = key.slice(key.lastIndexOf('.') + 1);
    const isField = key.startsWith(`${INTERFACES_KEY}.`) && key.split('.').length > 2;
    if (!isField || value === undefined || isSettings(value)) return undefined;
    const meant = nearestName(last, [...this.rules.interfaceFields]);
    const hint = meant === undefined ? 'config/rackboot.yaml explains all' : `did you mean ${meant}?`;
    return refusal('setting-unknown', `${key}: unknown key; ${hint}`);
  }

  /** Holds what would be stored against every rack that it concerns. */
  #check(list: readonly StoredSetting[], changes: readonly SettingChange[]): SettingsRefusal | undefined {
    if (list.length > SETTINGS_MAX) {
      return refusal('settings-limit', `the store holds at most ${SETTINGS_MAX} keys: remove some`);
    }
    const own = this.#parts.ownRack()?.uuid ?? '';
    const isForAll = changes.some(({ rack }) => rack === '');
    const racks = isForAll ? [own, ...list.map(({ rack }) => rack)] : changes.map(({ rack }) => rack);
    for (const rack of new Set(racks)) {
      const problems = this.rules.problemsOf(
        this.#fileOf(rack),
        this.#settingsFor(rack, list),
        own !== '' && rack === own,
      );
      if (problems.length === 0) continue;
      return refuseProblems(problems);
    }
    return undefined;
  }

  /** A region knows the boot tree of its own host alone. */
  #checkBoot(
    before: readonly StoredSetting[],
    after: readonly StoredSetting[],
    changes: readonly SettingChange[],
  ): SettingsRefusal | undefined {
    const own = this.#parts.ownRack()?.uuid;
    if (own === undefined || !changes.some(({ key }) => key.startsWith('boot.'))) return undefined;
    const [former, next] = [this.#settingsFor(own, before), this.#settingsFor(own, after)];
    const stops = this.rules.bootStopsOf(this.#fileOf(own), former, next);
    return stops.length === 0 ? undefined : refuseProblems(stops);
  }

  /** The rows of one rack, and those of all, in the form of a configuration file. */
  #settingsFor(rack: string, list: readonly StoredSetting[]): Settings {
    const isOwn = rack === (this.#parts.ownRack()?.uuid ?? '');
    let settings: Settings = NO_SETTINGS;
    const interfaces: SettingValue[] = [];
    for (const one of list) {
      const isOfInterface = one.key.startsWith(`${INTERFACES_KEY}.`);
      if (isOfInterface && one.rack === rack) {
        const name = one.key.slice(INTERFACES_KEY.length + 1);
        interfaces.push({ name, ...(isSettings(one.value) ? one.value : {}) });
      } else if (!isOfInterface && one.rack === '' && (isOwn || !one.key.startsWith('region.'))) {
        settings = withValue(settings, one.key, one.value);
      }
    }
    return interfaces.length === 0 ? settings : { ...settings, [INTERFACES_KEY]: interfaces };
  }

  /** What the file of a rack writes; of a remote one only its region knows nothing. */
  #fileOf(rack: string | undefined): Settings {
    const own = this.#parts.ownRack();
    return own !== undefined && (rack === undefined || rack === '' || rack === own.uuid) ? own.values : NO_SETTINGS;
  }
}

const refusal = (reason: SettingsReason, text: string): SettingsRefusal => ({ reason, text, problems: [] });

const refuseProblems = (problems: readonly SettingProblem[]): SettingsRefusal => ({
  reason: 'setting-invalid',
  text: problems.map(({ key, message }) => `${key}: ${message}`).join('\n'),
  problems,
});

function withChange(list: readonly StoredSetting[], { rack, key, value }: SettingChange): readonly StoredSetting[] {
  const isSame = (one: StoredSetting): boolean => one.rack === rack && one.key === key;
  if (value === undefined) return list.filter((one) => !isSame(one));
  const changed = { rack, key, value };
  return list.some(isSame) ? list.map((one) => (isSame(one) ? changed : one)) : [...list, changed];
}
