// The profiles in the setting `boot.profiles`, as people and the API see them, and the one that a machine of the region boots.
//
// 1. The setting is their only store: what somebody writes into it by `rackboot config` is a profile here, too.
// 2. The rules of configurations judge them (`config/profile-list.ts`); entries of another form, which no configuration has, are left out.
// 3. A remote rack with profiles in its own file boots those; the region does not know them.

import {
  findProfile,
  isAtWork,
  names,
  type ProfileSubject,
  type ProfileTargets,
  parseMachineName,
} from '../../boot/profile.ts';
import type { RackMachine } from '../../machines/machine.ts';
import { isSettings, type Settings, type SettingValue } from '../../machines/settings.ts';
import type { Machine } from '../records/machine.ts';
import { toRackMachine } from './desired-machine.ts';

export const PROFILES_KEY = 'boot.profiles';

/** As it is written. */
export interface WrittenProfile extends ProfileTargets {
  readonly title: string;
  readonly kind: string;
  readonly file: string;
  readonly initrds: readonly string[];
  readonly arguments: string;
  readonly script: string;
  readonly offered: boolean;
}

export const NEW_PROFILE: WrittenProfile = {
  name: '',
  title: '',
  kind: 'kernel',
  file: '',
  initrds: [],
  arguments: '',
  script: '',
  machines: [],
  tags: [],
  pools: [],
  except: [],
  unknown: false,
  offered: false,
};

const textIn = (entry: Settings, key: string, otherwise = ''): string => {
  const value = entry[key];
  return typeof value === 'string' ? value : otherwise;
};
const listIn = (entry: Settings, key: string): readonly string[] => {
  const value = entry[key];
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
};
const machinesIn = (entry: Settings, key: string): readonly string[] =>
  listIn(entry, key).map((text) => parseMachineName(text) ?? text);

function profileIn(entry: Settings): WrittenProfile {
  return {
    name: textIn(entry, 'name'),
    title: textIn(entry, 'title'),
    kind: textIn(entry, 'kind', NEW_PROFILE.kind),
    file: textIn(entry, 'file'),
    initrds: listIn(entry, 'initrds'),
    arguments: textIn(entry, 'arguments'),
    script: textIn(entry, 'script'),
    architecture: textIn(entry, 'architecture') || undefined,
    machines: machinesIn(entry, 'machines'),
    tags: listIn(entry, 'tags'),
    pools: listIn(entry, 'pools'),
    except: machinesIn(entry, 'except'),
    unknown: entry.unknown === true,
    offered: entry.offered === true,
  };
}

export function profilesIn(setting: SettingValue | undefined): readonly WrittenProfile[] {
  return (Array.isArray(setting) ? setting : []).filter(isSettings).map(profileIn);
}

/** The settings in force. */
interface SettingsInForce {
  valueOf(key: string): SettingValue | undefined;
}

/** The profiles in force. */
export const currentProfiles = (settings: SettingsInForce): readonly WrittenProfile[] =>
  profilesIn(settings.valueOf(PROFILES_KEY));

/** Without what is as by default. */
export const profileSetting = (profiles: readonly WrittenProfile[]): SettingValue =>
  profiles.map((profile) =>
    Object.fromEntries(
      Object.entries(profile).filter(([, value]) => value !== undefined && value !== false && value.length !== 0),
    ),
  );

/** What a profile does with a machine: it boots it, or waits for the end of its work. */
interface BoundProfile {
  readonly profile: WrittenProfile;
  readonly isWaiting: boolean;
}

/** `undefined`: it boots what its life asks for. */
export function profileOf(settings: SettingsInForce, machine: Machine): BoundProfile | undefined {
  const profiles = currentProfiles(settings);
  const known = profiles.length === 0 ? undefined : toRackMachine(machine);
  if (known === undefined) return undefined;
  const profile = findProfile(profiles, subjectOf(known));
  return profile && { profile, isWaiting: isAtWork(known) };
}

const subjectOf = (machine: RackMachine): ProfileSubject => ({
  machine,
  macs: machine.macs,
  architecture: machine.architecture,
});

/** The profiles with the machine bound to the one of this name, and to no other. */
export function boundTo(
  profiles: readonly WrittenProfile[],
  name: string,
  machine: RackMachine,
): readonly WrittenProfile[] {
  const others = withoutName(machine);
  return profiles.map((profile) =>
    profile.name === name
      ? { ...profile, machines: [...others(profile.machines), machine.systemId], except: others(profile.except) }
      : { ...profile, machines: others(profile.machines) },
  );
}

/** The profiles of which none takes the machine: it is bound to none, and an exception of those for its tags and pool. */
export function boundToNone(profiles: readonly WrittenProfile[], machine: RackMachine): readonly WrittenProfile[] {
  const others = withoutName(machine);
  const list = profiles.map((profile) => ({ ...profile, machines: others(profile.machines) }));
  const found = findProfile(list, subjectOf(machine));
  if (found === undefined) return list;
  const excepting = list.map((one) => (one === found ? { ...one, except: [...one.except, machine.systemId] } : one));
  return boundToNone(excepting, machine);
}

const withoutName =
  (machine: RackMachine) =>
  (list: readonly string[]): readonly string[] =>
    list.filter((one) => !names([one], subjectOf(machine)));
