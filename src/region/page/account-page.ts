// The account of the person who looks: the SSH keys by which they log in to machines, and their password.
//
// 1. Of a key its kind, fingerprint and comment are shown: enough to know it again.

import { createHash } from 'node:crypto';
import { refuseField } from '../api/answer.ts';
import type { SshKey } from '../records/life-store.ts';
import { areaField, formOf, hiddenField, newPasswordFields } from './forms.ts';
import { type Html, html } from './html.ts';
import { pageOf } from './parts.ts';
import { formatAge, rolePill } from './values.ts';
import {
  given,
  namedAsIn,
  type Outcome,
  ofForm,
  operate,
  outcomeOf,
  type PageDefinition,
  type Person,
  settled,
  type View,
} from './view.ts';

const PATH = '/MAAS/account/';
const ADD_KEY = { method: 'POST', path: 'account/prefs/sshkeys' } as const;
const REMOVE_KEY = { method: 'DELETE', path: 'account/prefs/sshkeys/{id}' } as const;
const CHANGE_PASSWORD = { method: 'POST', path: 'users/{username}', op: 'change_password' } as const;

/** The fingerprint of a key as ssh-keygen prints it: `SHA256:…`. */
export function fingerprintOf(key: string): string {
  const bytes = Buffer.from(key.split(' ')[1] ?? '', 'base64');
  return `SHA256:${createHash('sha256').update(bytes).digest('base64').replace(/=+$/, '')}`;
}

function keyItem(view: View, { id, key, createdMs }: SshKey): Html {
  const [kind = '', , ...comment] = key.split(' ');
  const name = comment.join(' ');
  const remove = formOf(view, {
    body: [hiddenField('do', 'remove-key'), hiddenField('id', String(id))],
    submit: 'Remove',
    tone: 'plain',
    isInline: true,
  });
  return html`
    <div class="list-item"><div><div class="name">${name === '' ? kind : name}</div>
    <div class="mono break">${fingerprintOf(key)}</div>
    <div class="small">${kind} · added ${formatAge(view.nowMs - createdMs)}</div></div>${remove}</div>`;
}

function keysOf(view: View, { username }: Person): Html {
  const keys = view.region.store.life.listSshKeys(username);
  const list =
    keys.length === 0
      ? html`<div class="note">You have no key yet. Without one nobody could log in to what you deploy, so a deployment is refused.</div>`
      : keys.map((key) => keyItem(view, key));
  const form = formOf(view, {
    body: [
      hiddenField('do', 'add-key'),
      areaField(ofForm(view, given(view, 'do') === 'add-key'), {
        name: 'key',
        label: 'Public key',
        rows: 3,
        required: true,
        hint: 'The one line of a file that ends in .pub, such as ~/.ssh/id_ed25519.pub.',
      }),
    ],
    submit: 'Add the key',
  });
  return html`<h2>SSH keys</h2><div class="sheet narrow">${list}<div class="card-line">${form}</div></div>`;
}

function render(view: View): Html | undefined {
  const { viewer } = view;
  if (viewer.kind !== 'person') return undefined;
  const password = formOf(view, {
    body: [
      hiddenField('do', 'password'),
      html`<input type="text" name="account" autocomplete="username" value="${viewer.username}" readonly hidden>`,
      newPasswordFields(ofForm(view, given(view, 'do') === 'password'), 'New password'),
    ],
    submit: 'Change the password',
    tone: 'plain',
  });
  return pageOf(view, {
    title: viewer.username,
    place: 'account',
    main: html`
      <div class="bar"><h1>${viewer.username}</h1>${rolePill(viewer)}</div>
      ${keysOf(view, viewer)}<h2>Password</h2><div class="sheet narrow">${password}</div>`,
    footer: html`For programs and the command line: <code>rackboot apikey</code> on the rack prints an API key.`,
  });
}

/** A refusal of two passwords that are not the same; undefined: they are. */
export const differing = (view: View): Outcome =>
  given(view, 'new') === given(view, 'again') ? undefined : refuseField('again', 'The two passwords are not the same.');

/** An outcome with the fields of `newPasswordFields`. */
export const ofNewPassword = (outcome: Outcome): Outcome => namedAsIn(outcome, { password: 'new' });

async function changePassword(view: View, { username }: Person): Promise<Outcome> {
  const mistyped = differing(view);
  if (mistyped !== undefined) return mistyped;
  const answer = operate(view, CHANGE_PASSWORD, { username }, { password: given(view, 'new') });
  return ofNewPassword(outcomeOf(await settled(answer), PATH, 'The password is changed: sign in with it.'));
}

function act(view: View): Outcome | Promise<Outcome> {
  const { viewer } = view;
  if (viewer.kind !== 'person') return undefined;
  switch (given(view, 'do')) {
    case 'add-key': {
      const values = { key: given(view, 'key').trim() };
      const answer = operate(view, ADD_KEY, {}, values);
      return outcomeOf(answer, PATH, 'The key is added: what you deploy from now on lets you in.');
    }
    case 'remove-key': {
      return outcomeOf(operate(view, REMOVE_KEY, { id: given(view, 'id') }, {}), PATH, 'The key is removed.');
    }
    case 'password':
      return changePassword(view, viewer);
    default:
      return undefined;
  }
}

export const ACCOUNT_PAGE: PageDefinition = {
  path: PATH,
  access: 'user',
  render,
  act,
  operations: [ADD_KEY, REMOVE_KEY, CHANGE_PASSWORD],
};
