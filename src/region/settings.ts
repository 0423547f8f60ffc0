// The part of the racks' configuration that the region's store owns: which keys may be changed, the
// racks to which they apply, and the settings that each rack gets.
//
//   change ─ key known? ─ may the store own it? ─ not in a rack's file? ─ whole configuration valid? ─ stored, sent to the racks
//
// 1. A value in a rack's file is read-only here.
// 2. Every stored configuration can be served: the whole is checked first, in the same transaction,
//    with the networks: a new dynamic range contains no reserved address and none of a machine. A
//    change never stops a machine from booting that could boot before, as far as this host's boot
//    tree shows. A cluster interface gets no address that its interface lacks, as far as the rack
//    reports.
// 3. A cluster interface belongs to one rack and is keyed by its name. The region's own keys go to
//    the rack of its process. Every other key applies to all racks.

import type { Profile } from '../boot/profile.ts';
import type { Clock } from '../ground/clock.ts';
import {
  findSetting,
  INTERFACES_KEY,
  isSettings,
  NO_SETTINGS,
  type Settings,
  type SettingValue,
  valueAt,
  withValue,
} from '../machines/settings.ts';
import type { OwnFile, OwnRack } from './config.ts';
import { generalOption, NTP_SERVERS } from './general-options.ts';
import { type EntriesEdit, editEntries } from './list-entries.ts';
import { findTaken } from './networks/range-check.ts';
import { type RackNetworks, readRackNetworks } from './networks/served-networks.ts';
import { hostsIn, withMask } from './racks/cluster-interface.ts';
import { findForeignAddresses } from './racks/rack-addresses.ts';
import { reportedBeyond } from './racks/rack-networks.ts';
import type { Racks } from './racks/racks.ts';
import { refusal } from './records/refusal.ts';
import { type Pin, pinnedText, refuseSettings, type SettingsRefusal } from './records/settings-refusal.ts';
import type { RegionStore } from './records/store.ts';
import {
  type SettingChange,
  type SettingsOutcome,
  type StoredSetting,
  settingsChanged,
} from './records/stored-setting.ts';
import { transactOrUndo } from './records/undo.ts';
import {
  nearestInterfaceKey,
  refuseUnknownField,
  settingsForRack,
  splitKey,
  withChange,
  withoutUser,
} from './setting-keys.ts';
import { LatestRun } from './shares/latest-run.ts';

/** Keys in the store, for all racks together. */
export const SETTINGS_MAX = 4096;

/** One problem of a configuration. */
type SettingProblem = {
  /** The path in the configuration: `cluster_interfaces.lab.ip_range_low`. */
  readonly key: string;
  readonly message: string;
};

/** How a person writes a key. */
export interface SettingShape {
  readonly key: string;
  readonly owner: 'file' | 'either';
  /** `structure`: a list or a mapping with entries of several values. */
  readonly kind: 'text' | 'check' | 'choice' | 'list' | 'structure';
  /** The words of a choice. */
  readonly choices: readonly string[];
  /** True if it takes numbers, perhaps besides texts. */
  readonly isNumeric: boolean;
}

/** The region's port to configurations; the process provides it. */
/** The DHCP options that can be configured by a name of their own. */
export interface OptionKind {
  readonly code: number;
  readonly name: string;
  readonly type: string;
}

export interface SettingsRules {
  /** The owner of a key; `undefined` for an unknown key. */
  ownerOf(key: string): 'file' | 'either' | undefined;
  /** The key closest to an unknown one; `undefined` if the key exists or none is similar. */
  nearestKey(key: string): string | undefined;
  /** Every key that holds a value, in the order of the file. */
  shapes(): readonly SettingShape[];
  /** The names of a cluster interface's fields. */
  readonly interfaceFields: ReadonlySet<string>;
  readonly optionKinds: readonly OptionKind[];
  readonly optionTypes: readonly string[];
  /** The keys in this file that the store could own. */
  pinned(file: Settings): readonly string[];
  /** @param isHere true for the rack on this host */
  problemsOf(file: Settings, stored: Settings, isHere: boolean): readonly SettingProblem[];
  /** The records of DNS that a rack would not serve if `after` replaced `before`. */
  recordFaultsOf(file: Settings, before: Settings, after: Settings): readonly SettingProblem[];
  /**
   * The settings that would stop machines from booting from this host's rack if `after` replaced
   * `before`.
   */
  bootStopsOf(file: Settings, before: Settings, after: Settings): readonly SettingProblem[];
  /** A key's value in force, including defaults, in the form of the configuration file. */
  valueOf(key: string, file: Settings, stored: Settings): SettingValue | undefined;
  /** The cluster interfaces in force, in the form of the configuration file. */
  interfacesOf(file: Settings, stored: Settings): readonly Settings[];
  /** The profiles in a value of `boot.profiles`, without those that no rack could boot. */
  profilesIn(value: SettingValue | undefined): readonly Profile[];
}

/** The rules of a region that owns no settings. */
export const NO_RULES: SettingsRules = {
  ownerOf: () => undefined,
  nearestKey: () => undefined,
  shapes: () => [],
  interfaceFields: new Set(),
  optionKinds: [],
  optionTypes: [],
  pinned: () => [],
  problemsOf: () => [],
  recordFaultsOf: () => [],
  bootStopsOf: () => [],
  valueOf: () => undefined,
  interfacesOf: () => [],
  profilesIn: () => [],
};

export interface SettingEdit {
  readonly key: string;
  /** `undefined`: removed from the store. */
  readonly value: SettingValue | undefined;
  /** Changes the entries of the stored list, in place of `value`. */
  readonly entries?: EntriesEdit | undefined;
  /**
   * Makes the new value of the stored one (`undefined`: none) in the transaction, in place of
   * `value`; perhaps more than once. `inForce` reads the settings before the edits. The answer
   * `undefined` keeps the setting as it is. An error that it throws ends the transaction.
   */
  readonly revise?:
    | ((stored: SettingValue | undefined, inForce: SettingsReader) => SettingValue | undefined)
    | undefined;
}

/** Reads the settings in force. */
export type SettingsReader = Pick<RegionSettings, 'rules' | 'list' | 'valueOf' | 'interfacesOf' | 'pinnedBy'>;

interface SettingsParts {
  readonly store: RegionStore;
  readonly clock: Clock;
  readonly racks: Racks;
  readonly rules: SettingsRules;
  readonly ownRack: () => OwnRack | undefined;
  /** The file of a region's process without a rack. */
  readonly ownFile?: (() => OwnFile | undefined) | undefined;
  /** Called after each change. */
  readonly onChange: () => void;
}

function countHosts(list: readonly StoredSetting[], { rack, key }: SettingChange): number {
  const value = list.find((setting) => setting.rack === rack && setting.key === key)?.value;
  return isSettings(value) ? hostsIn(value).length : 0;
}

const fileText = (key: string, file: string | undefined): string =>
  `${key} is read-only: only the configuration file can set it${file === undefined ? '' : ` (${file})`}`;

export class RegionSettings {
  readonly rules: SettingsRules;
  readonly #parts: SettingsParts;
  #list: readonly StoredSetting[] = [];
  readonly #reads = new LatestRun(
    async () => {
      this.#list = (await this.#parts.store.listSettings()).map(withoutUser);
    },
    () => this.#parts.store.isInTransaction(),
  );

  constructor(parts: SettingsParts) {
    this.#parts = parts;
    this.rules = parts.rules;
  }

  /** Reads the store again, which another process may have changed. */
  load(): Promise<void> {
    return this.#reads.run();
  }

  /** Reads the settings that the store has in the caller's transaction, for its decision. */
  async read(): Promise<SettingsReader> {
    return this.#readerOf((await this.#parts.store.listSettings()).map(withoutUser));
  }

  #readerOf(list: readonly StoredSetting[]): SettingsReader {
    const own = this.#parts.ownRack()?.uuid;
    return {
      rules: this.rules,
      list: () => list,
      valueOf: (key) => this.rules.valueOf(key, this.#fileOf(undefined), this.#settingsFor(own ?? '', list)),
      interfacesOf: (rack) => {
        const listed = this.rules.interfacesOf(this.#fileOf(rack), this.#settingsFor(rack, list));
        const remote = rack === own ? undefined : this.#parts.racks.find(rack);
        return remote === undefined ? listed : [...listed, ...reportedBeyond(remote, listed)];
      },
      pinnedBy: (key, rack) => this.pinnedBy(key, rack),
    };
  }

  /** The stored settings of all racks. */
  list(): readonly StoredSetting[] {
    return this.#list;
  }

  /** The stored settings for one rack; undefined: none. @param rack undefined: the rack of this process */
  of(rack: string | undefined): Settings | undefined {
    const settings = this.#settingsFor(rack ?? this.#parts.ownRack()?.uuid ?? '', this.#list);
    return Object.keys(settings).length === 0 ? undefined : settings;
  }

  /**
   * A key's value in the store, that of a field of a cluster interface too. @param rack the owner
   * of cluster interfaces; empty: the rack of this process
   */
  stored(rack: string, key: string): SettingValue | undefined {
    return findSetting(this.#settingsFor(rack === '' ? (this.#parts.ownRack()?.uuid ?? '') : rack, this.#list), key);
  }

  /** A key's value in force at the rack of this process; without such a rack, from the store alone. */
  valueOf(key: string): SettingValue | undefined {
    return this.#readerOf(this.#list).valueOf(key);
  }

  /**
   * A key's value where neither a file nor the store has one; `undefined` if it then has none, or
   * one that follows from others.
   */
  defaultOf(key: string): SettingValue | undefined {
    return this.rules.valueOf(key, NO_SETTINGS, NO_SETTINGS);
  }

  /** The NTP servers that DHCP offers in all networks. */
  ntpServers(): readonly string[] {
    const servers = generalOption(this.valueOf('dhcp.options'), NTP_SERVERS);
    return [servers ?? []].flat().filter((server) => typeof server === 'string');
  }

  /**
   * The UUID of a rack given by UUID, by name, or as `master` (the rack of this process);
   * `undefined` if none or several match.
   */
  findRack(name: string): string | undefined {
    const own = this.#parts.ownRack()?.uuid;
    if (name === 'master' || name === own) return own;
    const racks = this.#parts.racks.list();
    const named = racks.filter((rack) => rack.name === name);
    return racks.find(({ uuid }) => uuid === name)?.uuid ?? (named.length === 1 ? named[0]?.uuid : undefined);
  }

  /** A rack's cluster interfaces in force; for a remote rack, including the further ones that it reported. */
  interfacesOf(rack: string): readonly Settings[] {
    return this.#readerOf(this.#list).interfacesOf(rack);
  }

  /** The file in which a read-only key is written; `undefined` if the key is not read-only. */
  pinnedBy(key: string, rack: string): Pin | undefined {
    const own = this.#ownFileOf(rack);
    if (own !== undefined) {
      return this.rules.pinned(own.values).includes(key) ? { kind: 'own', file: own.file } : undefined;
    }
    const remote = this.#parts.racks.find(rack);
    const isPinned = remote?.pulse?.pinned.includes(key) === true;
    return isPinned ? { kind: 'rack', rack: remote.name } : undefined;
  }

  /**
   * Changes all these keys, or none. A field of a cluster interface is a key, too:
   * `cluster_interfaces.lab.router_ip`.
   * @param rack the owner of cluster interfaces among the keys; empty: the rack of this process
   * @param isTrial true: only judge, and store nothing
   * @returns the refusal; `undefined` if the changes are stored
   */
  async change(
    rack: string,
    edits: readonly SettingEdit[],
    username: string,
    isTrial = false,
  ): Promise<SettingsRefusal | undefined> {
    const { store } = this.#parts;
    const owner = rack === '' ? (this.#parts.ownRack()?.uuid ?? '') : rack;
    return await transactOrUndo<SettingsRefusal | undefined>(store, async (undo) => {
      const { outcome, misfit } = await this.#change(owner, edits, username);
      if (outcome.kind === 'refuse') return outcome.refusal;
      if (misfit !== undefined) throw undo(misfit);
      if (isTrial) throw undo(undefined);
      await store.afterCommit(() => {
        this.#list = outcome.settings.map(withoutUser);
        this.#parts.onChange();
      });
      return undefined;
    });
  }

  /** @returns `misfit` if what is stored does not fit: the change must be undone */
  async #change(
    owner: string,
    edits: readonly SettingEdit[],
    username: string,
  ): Promise<{ readonly outcome: SettingsOutcome<SettingsRefusal>; readonly misfit?: SettingsRefusal | undefined }> {
    const { store, clock } = this.#parts;
    const atMs = clock.wallTimeMs();
    let before: readonly StoredSetting[] = [];
    let judged = before;
    let changes: SettingChange[] = [];
    const outcome = await store.changeSettings<SettingsRefusal>(atMs, (current) => {
      before = current.map(withoutUser);
      changes = [];
      let list = before;
      const inForce = this.#readerOf(before);
      for (const requested of edits) {
        const stored = list.find(({ rack: of, key }) => of === '' && key === requested.key)?.value;
        const value = requested.revise === undefined ? requested.value : requested.revise(stored, inForce);
        if (requested.revise !== undefined && value === undefined) continue;
        const edit: SettingEdit = { ...requested, value };
        const change = this.#decide(owner, edit, list, edits);
        if ('text' in change) return { kind: 'refuse', refusal: change };
        list = withChange(list, change);
        changes.push(change);
      }
      const misfit = this.#check(before, list, changes) ?? this.#checkBoot(before, list, changes);
      if (misfit !== undefined) return { kind: 'refuse', refusal: this.#misnamed(owner, edits) ?? misfit };
      judged = list;
      return { kind: 'change', changes, events: [settingsChanged(changes, atMs, username)] };
    });
    if (outcome.kind === 'refuse') return { outcome };
    const after = outcome.settings.map(withoutUser);
    const isLarger = (change: SettingChange): boolean => countHosts(after, change) > countHosts(judged, change);
    // A cluster interface also gets the hosts of its subnet.
    const larger = changes.filter(isLarger);
    const misfit = larger.length === 0 ? undefined : this.#check(before, after, larger);
    if (misfit !== undefined) return { outcome, misfit };
    const problems = await this.#findConflicts(owner, before, after);
    return { outcome, misfit: problems.length === 0 ? undefined : refuseSettings(problems) };
  }

  /**
   * Judges changed cluster interfaces as `change` does; they are listed once they are on disk. Call
   * it in the transaction that stores them.
   * @param former the settings before it
   * @returns the refusal, at which the transaction must be undone
   */
  async adoptInterfaces(
    former: readonly StoredSetting[],
    changes: readonly SettingChange[],
  ): Promise<SettingsRefusal | undefined> {
    if (changes.length === 0) return undefined;
    const next = changes.reduce(withChange, former);
    const misfit = this.#check(former, next, changes);
    if (misfit !== undefined) return misfit;
    const problems: SettingProblem[] = [];
    for (const rack of new Set(changes.map((change) => change.rack)))
      problems.push(...(await this.#findConflicts(rack, former, next)));
    if (problems.length > 0) return refuseSettings(problems);
    await this.#parts.store.afterCommit(() => {
      this.#list = next;
    });
    return undefined;
  }

  /**
   * The addresses of a rack's cluster interfaces after a change that its host lacks, or that are
   * not free.
   */
  async #findConflicts(
    rack: string,
    before: readonly StoredSetting[],
    after: readonly StoredSetting[],
  ): Promise<readonly SettingProblem[]> {
    const interfacesIn = (list: readonly StoredSetting[]): readonly Settings[] =>
      this.rules.interfacesOf(this.#fileOf(rack), this.#settingsFor(rack, list));
    const [former, next] = [interfacesIn(before), interfacesIn(after)];
    const foreign = findForeignAddresses(this.#parts.racks.find(rack), former, next);
    const others = () => this.#networksBeside(rack, after);
    return [...foreign, ...(await findTaken(this.#parts.store, former, next, others))];
  }

  /** Those of all other racks. */
  #networksBeside(rack: string, list: readonly StoredSetting[]): RackNetworks {
    const { racks, ownRack } = this.#parts;
    const { served, reported, rackHosts } = readRackNetworks(racks.list(), ownRack(), this.#readerOf(list));
    const isOther = (network: { readonly rack: string }): boolean => network.rack !== rack;
    return { served: served.filter(isOther), reported: reported.filter(isOther), rackHosts };
  }

  #decide(
    owner: string,
    edit: SettingEdit,
    list: readonly StoredSetting[],
    edits: readonly SettingEdit[],
  ): SettingChange | SettingsRefusal {
    const { interfaceFields } = this.rules;
    const { interfaceName, field } = splitKey(edit.key, interfaceFields);
    const key = interfaceName === undefined ? edit.key : `${INTERFACES_KEY}.${interfaceName}`;
    const rack = interfaceName === undefined ? '' : owner;
    const rule = edit.key === INTERFACES_KEY ? undefined : this.rules.ownerOf(key);
    const nearest = interfaceName === undefined ? this.rules.nearestKey(edit.key) : undefined;
    if (rule === undefined || nearest !== undefined) {
      return edit.key === INTERFACES_KEY
        ? refusal('setting-unknown', `${edit.key}: unknown key; give the name of a network: ${edit.key}.NAME`)
        : refusal(
            'setting-unknown',
            `${edit.key}: unknown key; ${nearest === undefined ? '' : `did you mean ${nearest}? `}rackboot config show lists all keys`,
          );
    }
    if (rule === 'file') return refusal('setting-read-only', fileText(key, this.#ownFileOf(rack)?.file));
    const before = list.find((setting) => setting.rack === rack && setting.key === key)?.value;
    // What the store has under a key of a file has no effect, and may go.
    if (edit.value !== undefined || edit.entries !== undefined || before === undefined) {
      const pin = this.pinnedBy(key, rack);
      if (pin !== undefined) return refusal('setting-read-only', pinnedText(key, pin));
    }
    if (interfaceName !== undefined && owner === '')
      return refusal(
        'setting-unknown',
        `${edit.key}: this region has no rack of its own; name the network's rack: rackboot config set --rack NAME`,
      );
    let { value } = edit;
    if (edit.entries !== undefined) {
      const stored = field === undefined ? before : isSettings(before) ? valueAt(before, field) : undefined;
      const edited = editEntries(stored, edit.entries);
      if ('fault' in edited) return refuseSettings([{ key: edit.key, message: edited.fault }]);
      value = edited.list;
    }
    const fields = isSettings(before) ? before : {};
    const isNetworkSet = edits.some((other) => other.key === `${key}.network` && other.value !== undefined);
    const isMask = field === 'subnet_mask' && !isNetworkSet;
    // `network` has the mask.
    const isMissing = before === undefined || (isMask && fields[field] === undefined);
    if (value === undefined && isMissing) {
      const near = this.rules.nearestKey(edit.key) ?? this.#nearestInterface(owner, edit.key);
      return refusal(
        'setting-unknown',
        `${edit.key}: not in the store, so there is nothing to remove${near === undefined ? '' : `; did you mean ${near}?`}`,
      );
    }
    if (field === undefined) return refuseUnknownField(edit.key, value, interfaceFields) ?? { rack, key, value };
    if (isMask && value !== undefined) return { rack, key, value: withMask(fields, value) };
    return { rack, key, value: withValue(fields, field, value) };
  }

  /**
   * Why changes that do not fit set a field of a network that does not exist: its name is probably
   * a typo.
   */
  #misnamed(owner: string, edits: readonly SettingEdit[]): SettingsRefusal | undefined {
    for (const { key } of edits) {
      const { field } = splitKey(key, this.rules.interfaceFields);
      const nearest = field === undefined ? undefined : this.#nearestInterface(owner, key);
      if (nearest !== undefined)
        return refusal(
          'setting-unknown',
          `${key}: there is no such network; did you mean ${nearest}? To add a network, set all its keys at once: cluster_interfaces.NAME`,
        );
    }
    return undefined;
  }

  #nearestInterface(owner: string, key: string): string | undefined {
    const names = this.interfacesOf(owner).map(({ name }) => String(name));
    return nearestInterfaceKey(key, names, this.rules.interfaceFields);
  }

  /** Checks the settings for every rack that the changes concern. */
  #check(
    before: readonly StoredSetting[],
    list: readonly StoredSetting[],
    changes: readonly SettingChange[],
  ): SettingsRefusal | undefined {
    if (list.length > SETTINGS_MAX)
      return refusal('settings-limit', `the store holds at most ${SETTINGS_MAX} keys: remove some`);
    const own = this.#parts.ownRack()?.uuid ?? '';
    const isForAll = changes.some(({ rack }) => rack === '');
    const racks = isForAll ? [own, ...list.map(({ rack }) => rack)] : changes.map(({ rack }) => rack);
    for (const rack of new Set(racks)) {
      const [file, next] = [this.#fileOf(rack), this.#settingsFor(rack, list)];
      const misfits = this.rules.problemsOf(file, next, own !== '' && rack === own);
      const problems =
        misfits.length > 0 ? misfits : this.rules.recordFaultsOf(file, this.#settingsFor(rack, before), next);
      if (problems.length > 0) return refuseSettings(problems);
    }
    return undefined;
  }

  /** Checks only the rack of this host, because the region knows no other boot tree. */
  #checkBoot(
    before: readonly StoredSetting[],
    after: readonly StoredSetting[],
    changes: readonly SettingChange[],
  ): SettingsRefusal | undefined {
    const own = this.#parts.ownRack()?.uuid;
    if (own === undefined || !changes.some(({ key }) => key.startsWith('boot.'))) return undefined;
    const [former, next] = [this.#settingsFor(own, before), this.#settingsFor(own, after)];
    const stops = this.rules.bootStopsOf(this.#fileOf(own), former, next);
    return stops.length === 0 ? undefined : refuseSettings(stops);
  }

  #settingsFor(rack: string, list: readonly StoredSetting[]): Settings {
    return settingsForRack(list, rack, rack === (this.#parts.ownRack()?.uuid ?? ''));
  }

  #fileOf(rack: string | undefined): Settings {
    return this.#ownFileOf(rack ?? '')?.values ?? NO_SETTINGS;
  }

  /** The file of this process, if it concerns `rack`: that of its own rack, or, empty, the region. */
  #ownFileOf(rack: string): OwnFile | undefined {
    const own = this.#parts.ownRack();
    if (own === undefined) return rack === '' ? this.#parts.ownFile?.() : undefined;
    return rack === '' || rack === own.uuid ? own : undefined;
  }
}
