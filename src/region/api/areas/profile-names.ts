// Changes of the profiles, and of the tags and pools that they name: a profile follows a new name,
// and what it names is not deleted.

import type { Profile } from '../../../boot/profile.ts';
import { currentProfiles, PROFILES_KEY, profileSetting } from '../../racks/profiles.ts';
import { isRefusal, type Refusal, refuse } from '../call/answer.ts';
import type { ApiCall } from '../call/operation.ts';
import { reviseSettings, type SettingRevision } from '../call/revised-settings.ts';

/** Makes the new list of the stored one in the transaction, or refuses; perhaps more than once. */
export type ProfilesRevision = (stored: readonly Profile[]) => readonly Partial<Profile>[] | Refusal;

export async function reviseProfiles(call: ApiCall, make: ProfilesRevision): Promise<Refusal | undefined> {
  const revision: SettingRevision = {
    key: PROFILES_KEY,
    revise(stored) {
      const revised = make(call.region.settings.rules.profilesIn(stored));
      return isRefusal(revised) ? revised : profileSetting(revised);
    },
  };
  return await reviseSettings(call, '', [revision]);
}

/**
 * Lets the profiles follow a tag or pool, before it is changed in the same transaction.
 * @param next its new name; `undefined`: it is to be deleted
 * @returns why it can be neither
 */
export async function renameInProfiles(
  call: ApiCall,
  group: 'tags' | 'pools',
  name: string,
  next: string | undefined,
): Promise<Refusal | undefined> {
  const profiles = currentProfiles(await call.region.settings.read());
  const naming = profiles.filter((profile) => profile[group].includes(name)).map((profile) => profile.name);
  if (naming.length === 0 || next === name) return undefined;
  if (next === undefined)
    return refuse(
      'in-use',
      `Profiles name ${name}: ${naming.join(', ')}. Take it out of them first (${group} of profiles/<name>/).`,
    );
  const following = (names: readonly string[]) => names.map((entry) => (entry === name ? next : entry));
  return await reviseProfiles(call, (stored) =>
    stored.map((profile) => ({ ...profile, [group]: following(profile[group]) })),
  );
}
