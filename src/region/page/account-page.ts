// The account of the person who looks: the SSH keys by which they log in to machines, and their password.
//
// 1. Of a key its kind, fingerprint and comment are shown: enough to know it again.

import { createHash } from 'node:crypto';
import { PASSWORD_MAX } from '../accounts.ts';
import { refuse } from '../api/answer.ts';
import type { SshKey } from '../life/life-store.ts';
import { areaField, formOf, hiddenField, newPasswordFields } from './forms.ts';
import { escapeHtml } from './html.ts';
import { pageOf } from './parts.ts';
import { formatAge } from './values.ts';
import { BUSY, given, type Outcome, operate, outcomeOf, type PageDefinition, type Person, type View } from './view.ts';

const PATH = '/MAAS/account/';
/** A password that is chosen on the page has so many characters. */
export const PASSWORD_MIN = 8;

/** The fingerprint of a key as ssh-keygen prints it: `SHA256:…`. */
export function fingerprintOf(key: string): string {
  const bytes = Buffer.from(key.split(' ')[1] ?? '', 'base64');
  return `SHA256:${createHash('sha256').update(bytes).digest('base64').replace(/=+$/, '')}`;
}

function keyItem(view: View, { id, key, createdMs }: SshKey): string {
  const [kind = '', , ...comment] = key.split(' ');
  const name = comment.join(' ');
  const remove = formOf(view, {
    body: hiddenField('do', 'remove-key') + hiddenField('id', String(id)),
    submit: 'Remove',
    tone: 'plain',
    isInline: true,
  });
  return (
    `<div class="list-item"><div><div class="name">${escapeHtml(name === '' ? kind : name)}</div>` +
    `<div class="mono break">${escapeHtml(fingerprintOf(key))}</div><div class="small">${escapeHtml(kind)} · added ${formatAge(view.nowMs - createdMs)}</div></div>${remove}</div>`
  );
}

function keysOf(view: View, { username }: Person): string {
  const keys = view.region.store.life.listSshKeys(username);
  const list =
    keys.length === 0
      ? '<div class="note">You have none yet. Without one nobody could log in to what you deploy, so it is refused.</div>'
      : keys.map((key) => keyItem(view, key)).join('');
  const form = formOf(view, {
    body:
      hiddenField('do', 'add-key') +
      areaField(view, {
        name: 'key',
        label: 'A public key',
        rows: 3,
        required: true,
        hint: 'The one line of a file that ends in .pub, such as ~/.ssh/id_ed25519.pub.',
      }),
    submit: 'Add the key',
  });
  return `<h2>SSH keys</h2><div class="sheet narrow">${list}<div class="card-line">${form}</div></div>`;
}

function render(view: View): string | undefined {
  const { viewer } = view;
  if (viewer.kind !== 'person') return undefined;
  const password = formOf(view, {
    body:
      hiddenField('do', 'password') +
      `<input type="text" name="account" autocomplete="username" value="${escapeHtml(viewer.username)}" readonly hidden>` +
      newPasswordFields(view, 'New password'),
    submit: 'Change the password',
    tone: 'plain',
  });
  return pageOf(view, {
    title: viewer.username,
    place: 'account',
    main:
      `<div class="bar"><h1>${escapeHtml(viewer.username)}</h1><span class="pill ${viewer.isAdmin ? 'violet' : 'grey'}">${viewer.isAdmin ? 'administrator' : 'user'}</span></div>` +
      `${keysOf(view, viewer)}<h2>Password</h2><div class="sheet narrow">${password}</div>`,
    footer: 'For programs and the command line: <code>rackboot apikey</code> on the rack prints an API key.',
  });
}

/** Why two times a password will not do; undefined: it will. */
export function passwordProblem(password: string, again: string): string | undefined {
  if (password !== again) return 'The two passwords are not the same.';
  if (password.length < PASSWORD_MIN) return `A password has at least ${PASSWORD_MIN} characters.`;
  return password.length > PASSWORD_MAX ? `A password has at most ${PASSWORD_MAX} characters.` : undefined;
}

async function changePassword(view: View, { username }: Person): Promise<Outcome> {
  const password = given(view, 'new');
  const problem = passwordProblem(password, given(view, 'again'));
  if (problem !== undefined) return refuse('invalid-parameters', problem);
  const { store, clock, passwords } = view.region;
  const passwordHash = await passwords.hash(view.peer.address, password);
  if (passwordHash === 'busy') return BUSY;
  const description = `changed the password of ${username}`;
  const event = { type: 'AUTHORISATION', description, atMs: clock.wallTimeMs(), username } as const;
  if (!store.changeUser(username, { passwordHash }, event)) return undefined;
  return { kind: 'done', to: PATH, text: 'The password is changed: sign in with it.' };
}

function act(view: View): Outcome | Promise<Outcome> {
  const { viewer } = view;
  if (viewer.kind !== 'person') return undefined;
  switch (given(view, 'do')) {
    case 'add-key': {
      const values = { key: given(view, 'key').trim() };
      const answer = operate(view, { method: 'POST', path: 'account/prefs/sshkeys' }, {}, values);
      return outcomeOf(answer, PATH, 'The key is added: what you deploy from now on lets you in.');
    }
    case 'remove-key': {
      const wanted = { method: 'DELETE', path: 'account/prefs/sshkeys/{id}' } as const;
      return outcomeOf(operate(view, wanted, { id: given(view, 'id') }, {}), PATH, 'The key is removed.');
    }
    case 'password':
      return changePassword(view, viewer);
    default:
      return undefined;
  }
}

export const ACCOUNT_PAGE: PageDefinition = { path: PATH, access: 'user', render, act };
