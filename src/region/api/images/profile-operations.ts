// Profiles: what machines boot instead of what their life asks for. They are the setting
// `boot.profiles`, which racks have.
//
// 1. The rules of configurations judge a profile, so the API accepts what a rack's file does; a
//    refusal names the parameter.
// 2. A change does not restart machines: they boot the profile, or leave it, at their next start.

import { z } from 'zod';
import { PROFILE_KINDS, type Profile, profileTitle } from '../../../boot/profile.ts';
import { toRackMachine } from '../../racks/desired-machine.ts';
import { boundTo, boundToNone, currentProfiles } from '../../racks/profiles.ts';
import type { Machine } from '../../records/machine.ts';
import type { AnswerOf } from '../answers/answer-types.ts';
import { type ProfilesRevision, reviseProfiles } from '../areas/profile-names.ts';
import { type Answer, EMPTY, json, type Refusal, refuse, refuseField, refuseFields } from '../call/answer.ts';
import {
  type ApiCall,
  controls,
  flagParameter,
  isTrue,
  nothing,
  type Operation,
  operation,
  optionalList,
  optionalText,
  ownTransaction,
  requiredText,
  resource,
  value,
} from '../call/operation.ts';
import { withoutKey } from '../call/revised-settings.ts';
import { API_2 } from '../json/fixed-json.ts';
import { showMachine } from '../json/shown-machine.ts';
import { machinePaths, withMachine } from '../machines/machine-calls.ts';

const NAME_MAX = 63;
const TEXT_MAX = 4096;
const LIST_MAX = 4096;

const profileJson = ({ architecture = '', ...profile }: Profile): AnswerOf<'profile'> => ({
  ...profile,
  title: profileTitle(profile),
  architecture,
  resource_uri: `${API_2}/profiles/${profile.name}/`,
});

const noProfile = (): Refusal => refuse('not-found', 'No profile has this name.');
const findNamedProfile = (profiles: readonly Profile[], name: string | undefined) =>
  profiles.find((profile) => profile.name === name);

async function shownProfiles(call: ApiCall): Promise<readonly Profile[]> {
  await call.region.settings.load();
  return currentProfiles(call.region.settings);
}

const answerProfiles = async (call: ApiCall): Promise<Answer> => json((await shownProfiles(call)).map(profileJson));

async function answerProfile(call: ApiCall): Promise<Answer> {
  const profile = findNamedProfile(await shownProfiles(call), call.path.name);
  return profile === undefined ? noProfile() : json(profileJson(profile));
}

/** Changes the profiles, with a refusal that names the parameter. */
async function revise(call: ApiCall, make: ProfilesRevision): Promise<Refusal | undefined> {
  const refused = await reviseProfiles(call, make);
  return refused && underParameters(refused);
}

/** `boot.profiles[2].initrds[0]` is a problem of `initrds`. */
function underParameters(refused: Refusal): Refusal {
  if (refused.fields === undefined || refused.name !== 'setting-invalid') return refused;
  const entries = Object.entries(refused.fields).map(
    ([key, words]) => [key.replace(/\[\d+\]$/, ''), words.map(withoutKey)] as const,
  );
  return refuseFields(Object.fromEntries(entries), refused.name);
}

function buildChangedProfile(before: Partial<Profile>, input: z.output<typeof changedProfile>): Partial<Profile> {
  const { unknown = before.unknown, offered = before.offered, ...rest } = input;
  const next = Object.fromEntries(Object.entries(rest).filter(([, written]) => written !== undefined));
  return { ...before, ...next, unknown: isTrue(String(unknown)), offered: isTrue(String(offered)) };
}

const taken = (): Refusal => refuseField('name', 'A profile with this name exists: choose another name, or change it.');

async function addProfile(call: ApiCall, input: z.output<typeof newProfile>): Promise<Answer> {
  const refused = await revise(call, (profiles) =>
    findNamedProfile(profiles, input.name) === undefined ? [...profiles, buildChangedProfile({}, input)] : taken(),
  );
  return refused ?? answerProfile({ ...call, path: { name: input.name } });
}

async function changeProfile(call: ApiCall, input: z.output<typeof changedProfile>): Promise<Answer> {
  const name = input.name ?? call.path.name;
  const refused = await revise(call, (profiles) => {
    const before = findNamedProfile(profiles, call.path.name);
    if (before === undefined) return noProfile();
    if (name !== before.name && findNamedProfile(profiles, name) !== undefined) return taken();
    return profiles.map((profile) => (profile === before ? buildChangedProfile(before, input) : profile));
  });
  return refused ?? answerProfile({ ...call, path: { name: name ?? '' } });
}

async function removeProfile(call: ApiCall): Promise<Answer> {
  const refused = await revise(call, (profiles) => {
    const others = profiles.filter(({ name }) => name !== call.path.name);
    return others.length === profiles.length ? noProfile() : others;
  });
  return refused ?? EMPTY;
}

/** Binds the machine of the path to a profile, or with `undefined` to none. */
async function bind(call: ApiCall, machine: Machine, name: string | undefined): Promise<Answer> {
  const rackMachine = toRackMachine(machine);
  if (rackMachine === undefined)
    return refuse(
      'transition-not-allowed',
      'No rack boots this machine yet: it has no interface that is surely its own.',
    );
  const refused = await revise(call, (profiles) => {
    if (name === undefined) return boundToNone(profiles, rackMachine);
    return findNamedProfile(profiles, name) === undefined
      ? refuseField('profile', 'No profile has this name: `rackboot profiles read` lists them.')
      : boundTo(profiles, name, rackMachine);
  });
  return refused ?? json(showMachine(call, machine));
}

const textParameter = (description: string) => optionalText(TEXT_MAX, description);
const texts = (description: string) => optionalList(LIST_MAX, description);
const MACHINES = 'system ids, host names or hardware addresses';

const changedProfile = z.object({
  name: optionalText(NAME_MAX, 'Its name: lower-case letters, digits, dots and hyphens.'),
  title: textParameter('A line for people, which the menu shows. Default: the name.'),
  kind: value(z.enum(PROFILE_KINDS, `Give one of ${PROFILE_KINDS.join(', ')}.`))
    .optional()
    .describe(
      'kernel (default), iso, disk (an image of a disk, in memory), efi (a program for UEFI), ipxe (a script).',
    ),
  file: textParameter(
    'The kernel, the image or the program: a file of the boot tree, such as profiles/talos/vmlinuz, or an http or https URL.',
  ),
  initrds: texts('The initrds of a kernel, as files or URLs; NAME=FILE gives one a name for wimboot.'),
  arguments: textParameter(
    'The arguments of a kernel. {hostname}, {domain}, {system_id}, {mac}, {uuid}, {address} and {base_url} stand for the values of the machine.',
  ),
  script: textParameter('The text of a script of iPXE, with the same values.').register(controls, { control: 'area' }),
  architecture: textParameter('Only machines of this architecture boot it, such as amd64. Default: all.'),
  machines: texts(`The machines that boot it: ${MACHINES}.`),
  tags: texts('Machines with one of these tags boot it.'),
  pools: texts('Machines in one of these pools boot it.'),
  except: texts(`Machines that do not boot it, whatever their tags and pool: ${MACHINES}.`),
  unknown: flagParameter('True: machines that nobody knows boot it, instead of enlisting.'),
  offered: flagParameter('True: the menu on the screen shows it, if there is one (boot.menu).'),
});
const newProfile = changedProfile.extend({ name: requiredText(NAME_MAX, changedProfile.shape.name.description ?? '') });

const many = { versions: ['2.0'], path: 'profiles', handler: 'ProfilesHandler' } as const;
const item = { versions: ['2.0'], path: 'profiles/{name}', handler: 'ProfileHandler' } as const;
const oneMachine = ownTransaction(machinePaths('2.0').one);

/** Profiles, in version 2.0. */
export const PROFILE_OPERATIONS: readonly Operation[] = [
  ...resource({
    many: ownTransaction(many),
    one: ownTransaction(item),
    answers: 'profile',
    list: ['List the profiles, in their order: of several for one machine the first counts.', nothing, answerProfiles],
    add: ['Add a profile: what machines boot instead of what their life asks for.', newProfile, addProfile],
    read: ['Read one profile.', nothing, answerProfile],
    change: [
      'Change a profile. Its machines boot it as it then is at their next start.',
      changedProfile,
      changeProfile,
    ],
    remove: ['Delete a profile. Its machines go on with their life at their next start.', nothing, removeProfile],
  }),
  operation(
    oneMachine,
    'POST boot_profile',
    'admin',
    'machine',
    'Let a machine boot a profile from its next start on, instead of what its life asks for. Work, such as commissioning, comes first.',
    z.object({ profile: requiredText(NAME_MAX, 'The name of the profile.') }),
    withMachine((call, machine, { profile }) => bind(call, machine, profile)),
  ),
  operation(
    oneMachine,
    'POST leave_profile',
    'admin',
    'machine',
    'Let a machine go on with its life at its next start: it boots no profile, whatever its tags and pool.',
    nothing,
    withMachine((call, machine) => bind(call, machine, undefined)),
  ),
];
