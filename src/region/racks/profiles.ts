// The profiles in the setting `boot.profiles`, as people and the API see them, and the one that a
// machine of the region boots.
//
// 1. The setting is their only store: what somebody writes into it by `rackboot config` is a
//    profile here, too.
// 2. The rules of configurations read and judge them (`config/profile-list.ts`).
// 3. A remote rack with profiles in its own file boots those; the region does not know them.

import { findProfile, isAtWork, namesMachine, type Profile, type ProfileSubject } from '../../boot/profile.ts';
import type { RackMachine } from '../../machines/machine.ts';
import type { SettingValue } from '../../machines/settings.ts';
import type { Machine } from '../records/machine.ts';
import { toRackMachine } from './desired-machine.ts';

export const PROFILES_KEY = 'boot.profiles';

/** The settings in force. */
export interface ProfileSettings {
  readonly rules: { profilesIn(value: SettingValue | undefined): readonly Profile[] };
  valueOf(key: string): SettingValue | undefined;
}

/** The profiles in force. */
export const currentProfiles = (settings: ProfileSettings): readonly Profile[] =>
  settings.rules.profilesIn(settings.valueOf(PROFILES_KEY));

/** Without what is as by default. */
export const profileSetting = (profiles: readonly Partial<Profile>[]): SettingValue =>
  profiles.map((profile) => {
    const fields = Object.entries(profile).flatMap(([key, value]) =>
      value === undefined || value === false || (value !== true && value.length === 0) ? [] : [[key, value] as const],
    );
    return Object.fromEntries(fields);
  });

/** What a profile does with a machine: it boots it, or waits for the end of its work. */
export interface BoundProfile {
  readonly profile: Profile;
  readonly isWaiting: boolean;
}

/** @param profiles those in force @returns `undefined`: it boots what its life asks for */
export function findBoundProfile(profiles: readonly Profile[], machine: Machine): BoundProfile | undefined {
  const rackMachine = profiles.length === 0 ? undefined : toRackMachine(machine);
  if (rackMachine === undefined) return undefined;
  const profile = findProfile(profiles, buildProfileSubject(rackMachine));
  return profile && { profile, isWaiting: isAtWork(rackMachine) };
}

const buildProfileSubject = (machine: RackMachine): ProfileSubject => ({
  machine,
  macs: machine.macs,
  architecture: machine.architecture,
});

/** The profiles with the machine bound to the one of this name, and to no other. */
export function boundTo(profiles: readonly Profile[], name: string, machine: RackMachine): readonly Profile[] {
  const others = withoutName(machine);
  return profiles.map((profile) =>
    profile.name === name
      ? { ...profile, machines: [...others(profile.machines), machine.systemId], except: others(profile.except) }
      : { ...profile, machines: others(profile.machines) },
  );
}

/**
 * The profiles of which none takes the machine: it is bound to none, and an exception of those for
 * its tags and pool.
 */
export function boundToNone(profiles: readonly Profile[], machine: RackMachine): readonly Profile[] {
  const others = withoutName(machine);
  const list = profiles.map((profile) => ({ ...profile, machines: others(profile.machines) }));
  const profile = findProfile(list, buildProfileSubject(machine));
  if (profile === undefined) return list;
  const excepting = list.map((entry) =>
    entry === profile ? { ...entry, except: [...entry.except, machine.systemId] } : entry,
  );
  return boundToNone(excepting, machine);
}

const withoutName =
  (machine: RackMachine) =>
  (list: readonly string[]): readonly string[] =>
    list.filter((entry) => !namesMachine([entry], buildProfileSubject(machine)));
