// The viewer's own account: the SSH keys for logging in to machines, and the password.
//
// 1. A key is shown by its kind, fingerprint and comment, which is enough to recognise it.
// 2. A new password needs the present one, so that nobody takes over the account in a browser left open. Its checks count as those of signing in.

import { createHash } from 'node:crypto';
import { type Html, html } from '../../html.ts';
import { PASSWORD_MAX } from '../accounts/accounts.ts';
import { refuseField } from '../api/call/answer.ts';
import type { SshKey } from '../records/life-store.ts';
import { formatAge } from '../words/quantity.ts';
import { words } from '../words/text.ts';
import { areaField, formOf, hiddenField, newPasswordFields, textField } from './forms.ts';
import { checkPassword, uncheckedRefusal } from './guard.ts';
import { pageOf } from './parts.ts';
import { rolePill } from './values.ts';
import {
  given,
  namedAsIn,
  type Outcome,
  ofForm,
  operate,
  outcomeOf,
  type PageDefinition,
  type Person,
  type View,
} from './view.ts';

const PATH = '/MAAS/account/';
const ADD_KEY = { method: 'POST', path: 'account/prefs/sshkeys' } as const;
const REMOVE_KEY = { method: 'DELETE', path: 'account/prefs/sshkeys/{id}' } as const;
const CHANGE_PASSWORD = { method: 'POST', path: 'users/{username}', op: 'change_password' } as const;

/** The fingerprint of a key as ssh-keygen prints it: `SHA256:…`. */
function fingerprintOf(key: string): string {
  const bytes = Buffer.from(key.split(' ')[1] ?? '', 'base64');
  return `SHA256:${createHash('sha256').update(bytes).digest('base64').replace(/=+$/, '')}`;
}

function keyItem(view: View, { id, key, createdMs }: SshKey): Html {
  const [kind = '', , ...comment] = key.split(' ');
  const name = comment.join(' ');
  const remove = formOf(view, {
    body: [hiddenField('do', 'remove-key'), hiddenField('id', String(id))],
    submit: words.forms.remove,
    tone: 'plain',
    isInline: true,
  });
  return html`
    <div class="list-item"><div><div class="name">${name === '' ? kind : name}</div>
    <div class="mono break">${fingerprintOf(key)}</div>
    <div class="small">${words.account.added(kind, formatAge(view.nowMs - createdMs))}</div></div>${remove}</div>`;
}

async function keysOf(view: View, { username }: Person): Promise<Html> {
  const keys = await view.region.store.life.listSshKeys(username);
  const list =
    keys.length === 0 ? html`<div class="note">${words.account.noKey}</div>` : keys.map((key) => keyItem(view, key));
  const form = formOf(view, {
    body: [
      hiddenField('do', 'add-key'),
      areaField(ofForm(view, given(view, 'do') === 'add-key'), {
        name: 'key',
        ...words.account.key,
        rows: 3,
        required: true,
      }),
    ],
    submit: words.account.addKey,
  });
  return html`<h2>${words.account.keys}</h2><div class="sheet narrow">${list}<div class="card-line">${form}</div></div>`;
}

async function render(view: View): Promise<Html | undefined> {
  const { viewer } = view;
  if (viewer.kind !== 'person') return undefined;
  const sent = ofForm(view, given(view, 'do') === 'password');
  const password = formOf(view, {
    body: [
      hiddenField('do', 'password'),
      html`<input type="text" name="account" autocomplete="username" value="${viewer.username}" readonly hidden>`,
      textField(sent, {
        ...{
          name: 'present',
          label: words.account.presentPassword,
          type: 'password',
          autocomplete: 'current-password',
        },
        ...{ required: true, charactersMax: PASSWORD_MAX },
      }),
      newPasswordFields(sent, words.account.newPassword),
    ],
    submit: words.account.changePassword,
    tone: 'plain',
  });
  return pageOf(view, {
    title: viewer.username,
    place: 'account',
    main: html`
      <div class="bar"><div class="row"><h1>${viewer.username}</h1>${rolePill(viewer)}</div></div>
      ${await keysOf(view, viewer)}<h2>${words.account.password}</h2><div class="sheet narrow">${password}</div>`,
    footer: words.account.footer(viewer.username),
  });
}

/** The refusal of two different passwords; `undefined` if they are the same. */
export const differing = (view: View): Outcome =>
  given(view, 'new') === given(view, 'again') ? undefined : refuseField('again', 'field.passwords-differ');

/** Renames an outcome's fields to those of `newPasswordFields`. */
export const ofNewPassword = (outcome: Outcome): Outcome => namedAsIn(outcome, { password: 'new' });

async function changePassword(view: View, { username }: Person): Promise<Outcome> {
  const mistyped = differing(view);
  if (mistyped !== undefined) return mistyped;
  const user = await view.region.store.accounts.findUser(username);
  const verdict = await checkPassword(view.region, view.peer, given(view, 'present'), user);
  if (verdict === 'wrong') return refuseField('present', 'field.password-wrong');
  if (typeof verdict === 'string') return uncheckedRefusal(verdict, view.region);
  const answer = await operate(view, CHANGE_PASSWORD, { username }, { password: given(view, 'new') });
  return ofNewPassword(outcomeOf(answer, PATH, words.account.passwordChanged));
}

async function act(view: View): Promise<Outcome> {
  const { viewer } = view;
  if (viewer.kind !== 'person') return undefined;
  switch (given(view, 'do')) {
    case 'add-key': {
      const values = { key: given(view, 'key').trim() };
      const answer = await operate(view, ADD_KEY, {}, values);
      return outcomeOf(answer, PATH, words.account.keyAdded);
    }
    case 'remove-key': {
      return outcomeOf(await operate(view, REMOVE_KEY, { id: given(view, 'id') }, {}), PATH, words.account.keyRemoved);
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
