// The profiles, made of their operations, and what the page of a machine that boots one says of it.

import { profileTitle } from '../../../boot/profile.ts';
import { type Html, html, nothing } from '../../../ground/html.ts';
import { type MachinePlacement, readPlacement } from '../../life/machine-placement.ts';
import type { Machine } from '../../records/machine.ts';
import { hiddenField, renderForm } from '../frame/forms.ts';
import { type ApiObject, getPropertyText, objectPages } from '../frame/object-pages.ts';
import { pathBelow } from '../frame/values.ts';
import { mayCall, type PageDefinition, submit, type View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { machinePath } from './machine-actions.ts';

const PATH = '/MAAS/profiles/';
export const LEAVE_PROFILE = 'POST machines/{system_id} leave_profile';

const parseStringList = (object: ApiObject, name: string): readonly string[] => {
  const value = object[name];
  return Array.isArray(value) ? value.map(String) : [];
};

function formatProfileTargets(profile: ApiObject): string {
  const named = ['machines', 'tags', 'pools'].flatMap((name) => parseStringList(profile, name));
  return [
    ...named,
    ...(profile.unknown === true ? [words.profiles.unknown] : []),
    ...(profile.offered === true ? [words.profiles.offered] : []),
  ].join(', ');
}

export const PROFILE_PAGES: readonly PageDefinition[] = objectPages({
  path: PATH,
  place: 'profiles',
  many: 'profiles',
  one: 'profiles/{name}',
  words: () => words.profiles,
  nameOf: (profile) => getPropertyText(profile, 'name'),
  keyOf: (profile) => getPropertyText(profile, 'name'),
  columns: () => [
    { label: words.forms.description, content: (profile) => getPropertyText(profile, 'title') },
    {
      label: words.profiles.what,
      content: (profile) => html`${getPropertyText(profile, 'kind')} <code>${getPropertyText(profile, 'file')}</code>`,
    },
    { label: words.profiles.forWhom, content: formatProfileTargets },
  ],
  add: () => ({}),
  change: () => ({}),
  deletion: () => ({ text: words.profiles.loss }),
});

/** The way back to its life, for those who may take it. */
const leaveForm = (view: View, { systemId }: Machine, isInline = false): Html =>
  mayCall(view.viewer, LEAVE_PROFILE)
    ? renderForm(view, {
        to: machinePath(systemId),
        body: hiddenField('do', 'leave-profile'),
        submit: words.profiles.leave,
        tone: isInline ? 'plain' : 'primary',
        isInline,
      })
    : nothing;

/**
 * What a machine boots instead of what its life asks for, with the way back; nothing if it boots no
 * profile.
 */
export function renderProfile(view: View, machine: Machine): Html {
  const bound = readPlacement(view.region).profileOf(machine);
  if (bound === undefined) return nothing;
  const { name } = bound.profile;
  const link = html`<a href="${pathBelow(PATH, name)}">${profileTitle(bound.profile)}</a>`;
  return html`<div class="alert blue"><b>${words.profiles.boots(name)}</b>${link}. ${words.profiles.instead} ${
    bound.isWaiting ? words.profiles.afterWork : nothing
  }${leaveForm(view, machine)}</div>`;
}

/** The same in a row of the list of machines. */
export function profileNote(view: View, machine: Machine, where: MachinePlacement): Html {
  const bound = where.profileOf(machine);
  if (bound === undefined) return nothing;
  const { name } = bound.profile;
  return html`<div class="small"><a href="${pathBelow(PATH, name)}">${words.profiles.boots(name)}</a></div>${leaveForm(view, machine, true)}`;
}

export const leaveProfile = (view: View, { systemId, hostname }: Machine) =>
  submit(view, LEAVE_PROFILE, { system_id: systemId }, {}, machinePath(systemId), words.profiles.left(hostname));
