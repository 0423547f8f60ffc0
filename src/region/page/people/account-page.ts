// The viewer's own account: the SSH keys for logging in to machines, the API keys of programs, and
// the password.
//
// 1. A key is shown by its kind, fingerprint and comment, which is enough to recognise it.
// 2. A new password or API key needs the present password, checked as for signing in, so that
//    nobody takes over a browser left open.
// 3. An API key is shown in the answer to the form that made it, and nowhere else.

import { z } from 'zod';
import { html, nothing } from '../../../ground/html.ts';
import { KEY_NAME_MAX, PASSWORD_MAX, wasUsed } from '../../accounts/accounts.ts';
import { computeFingerprint } from '../../accounts/ssh-keys.ts';
import { refuseField } from '../../api/call/answer.ts';
import type { ApiKey } from '../../records/account-store.ts';
import type { SshKey } from '../../records/life-store.ts';
import { areaField, hiddenField, newPasswordFields, renderForm, textField } from '../frame/forms.ts';
import { checkPassword, uncheckedRefusal } from '../frame/guard.ts';
import { languageForm, renderFullPage } from '../frame/parts.ts';
import { copyable, rolePill, timeAgo } from '../frame/values.ts';
import {
  buildOutcome,
  fieldValue,
  namedAsIn,
  type Outcome,
  ofForm,
  operate,
  type PageDefinition,
  submit,
  type View,
  type Viewer,
} from '../frame/view.ts';
import { words } from '../frame/words.ts';

const PATH = '/MAAS/account/';
const ADD_KEY = 'POST account/prefs/sshkeys';
const REMOVE_KEY = 'DELETE account/prefs/sshkeys/{id}';
const MAKE_API_KEY = 'POST account create_authorisation_token';
const REMOVE_API_KEY = 'POST account delete_authorisation_token';
const CHANGE_PASSWORD = 'POST users/{username} change_password';

function keyItem(view: View, { id, key, createdMs }: SshKey) {
  const [kind = '', , ...comment] = key.split(' ');
  const name = comment.join(' ');
  const remove = renderForm(view, {
    body: [hiddenField('do', 'remove-key'), hiddenField('id', String(id))],
    submit: words.forms.remove,
    tone: 'plain',
    isInline: true,
  });
  return html`
    <div class="list-item"><div><div class="name">${name === '' ? kind : name}</div>
    <div class="mono break">${computeFingerprint(key)}</div>
    <div class="small">${timeAgo(createdMs, view.nowMs, (ago) => words.account.added(kind, ago))}</div></div>${remove}</div>`;
}

async function renderSshKeys(view: View, { username }: Viewer) {
  const keys = await view.region.store.life.listSshKeys(username);
  const list =
    keys.length === 0 ? html`<div class="note">${words.account.noKey}</div>` : keys.map((key) => keyItem(view, key));
  const form = renderForm(view, {
    body: [
      hiddenField('do', 'add-key'),
      areaField(ofForm(view, fieldValue(view, 'do') === 'add-key'), {
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

function apiKeyItem(view: View, key: ApiKey) {
  const remove = renderForm(view, {
    body: [hiddenField('do', 'remove-api-key'), hiddenField('token', key.tokenKey)],
    submit: words.forms.remove,
    tone: 'plain',
    isInline: true,
  });
  const agoOf = (atMs: number) => timeAgo(atMs, view.nowMs);
  const times = words.account.apiKeyTimes(agoOf(key.createdMs), wasUsed(key) ? agoOf(key.usedMs) : undefined);
  return html`
    <div class="list-item"><div><div class="name">${key.name === '' ? key.tokenKey : key.name}</div>
    <div class="mono break">${key.consumerKey}:${key.tokenKey}:…</div>
    <div class="small">${times}</div></div>${remove}</div>`;
}

const madeKey = ({ secret }: View) =>
  secret === undefined
    ? nothing
    : html`<div class="alert green notice" role="status">${words.account.apiKeyMade}<div>${copyable(secret)}</div></div>`;

async function renderApiKeys(view: View, { username }: Viewer) {
  const keys = await view.region.store.accounts.listKeys(username);
  const list =
    keys.length === 0
      ? html`<div class="note">${words.account.noApiKey}</div>`
      : keys.map((key) => apiKeyItem(view, key));
  const sent = ofForm(view, fieldValue(view, 'do') === 'make-api-key');
  const form = renderForm(view, {
    body: [
      hiddenField('do', 'make-api-key'),
      textField(sent, { name: 'purpose', ...words.account.apiKeyName, charactersMax: KEY_NAME_MAX }),
      presentField(sent, 'key-password'),
    ],
    submit: words.account.makeApiKey,
  });
  return html`<h2>${words.account.apiKeys}</h2><div class="sheet narrow">${list}<div class="card-line">${form}</div></div>`;
}

const presentField = (view: View, name: string) =>
  textField(view, {
    name,
    label: words.account.presentPassword,
    type: 'password',
    autocomplete: 'current-password',
    required: true,
    charactersMax: PASSWORD_MAX,
  });

async function renderAccountPage(view: View) {
  const { viewer } = view;
  const sent = ofForm(view, fieldValue(view, 'do') === 'password');
  const password = renderForm(view, {
    body: [
      hiddenField('do', 'password'),
      html`<input type="text" name="account" autocomplete="username" value="${viewer.username}" readonly hidden>`,
      presentField(sent, 'present'),
      newPasswordFields(sent, words.account.newPassword),
    ],
    submit: words.account.changePassword,
    tone: 'plain',
  });
  return renderFullPage(view, {
    title: viewer.username,
    place: 'account',
    main: html`
      ${madeKey(view)}<div class="bar"><div class="row"><h1>${viewer.username}</h1>${rolePill(viewer)}</div></div>
      ${await renderSshKeys(view, viewer)}${await renderApiKeys(view, viewer)}<h2>${words.account.password}</h2><div class="sheet narrow">${password}</div>
      <h2>${words.frame.languages}</h2><div class="sheet narrow note">${languageForm(PATH)}</div>`,
    footer: words.account.footer(viewer.username),
  });
}

export const refuseDifferingPasswords = (view: View): Outcome =>
  fieldValue(view, 'new') === fieldValue(view, 'again') ? undefined : refuseField('again', words.account.differing);

/** Renames an outcome's fields to those of `newPasswordFields`. */
export const ofNewPassword = (outcome: Outcome): Outcome => namedAsIn(outcome, { password: 'new' });

async function refusePresent(view: View, { username }: Viewer, field: string) {
  const user = await view.region.store.accounts.findUser(username);
  const verdict = await checkPassword(view.region, view.peer, fieldValue(view, field), user);
  if (verdict === 'wrong') return refuseField(field, words.account.wrongPassword);
  return typeof verdict === 'string' ? uncheckedRefusal(verdict, view.region) : undefined;
}

async function changeOwnPassword(view: View, viewer: Viewer): Promise<Outcome> {
  const refused = refuseDifferingPasswords(view) ?? (await refusePresent(view, viewer, 'present'));
  if (refused !== undefined) return refused;
  const { username } = viewer;
  const answer = await operate(view, CHANGE_PASSWORD, { username }, { password: fieldValue(view, 'new') });
  return ofNewPassword(buildOutcome(answer, PATH, words.account.passwordChanged));
}

const tokenShape = z.object({ consumer_key: z.string(), token_key: z.string(), token_secret: z.string() });

async function makeApiKey(view: View, viewer: Viewer): Promise<Outcome> {
  const refused = await refusePresent(view, viewer, 'key-password');
  if (refused !== undefined) return refused;
  const answer = await operate(view, MAKE_API_KEY, {}, { name: fieldValue(view, 'purpose').trim() });
  if (answer.kind !== 'json') return namedAsIn(buildOutcome(answer, PATH, ''), { name: 'purpose' });
  const made = tokenShape.parse(answer.value);
  return { kind: 'made', secret: `${made.consumer_key}:${made.token_key}:${made.token_secret}` };
}

async function actOnAccount(view: View): Promise<Outcome> {
  const { viewer } = view;
  switch (fieldValue(view, 'do')) {
    case 'add-key': {
      const values = { key: fieldValue(view, 'key').trim() };
      return submit(view, ADD_KEY, {}, values, PATH, words.account.keyAdded);
    }
    case 'remove-key': {
      return submit(view, REMOVE_KEY, { id: fieldValue(view, 'id') }, {}, PATH, words.account.keyRemoved);
    }
    case 'make-api-key':
      return makeApiKey(view, viewer);
    case 'remove-api-key': {
      return submit(
        view,
        REMOVE_API_KEY,
        {},
        { token_key: fieldValue(view, 'token') },
        PATH,
        words.account.apiKeyRemoved,
      );
    }
    case 'password':
      return changeOwnPassword(view, viewer);
    default:
      return undefined;
  }
}

export const ACCOUNT_PAGE: PageDefinition = {
  path: PATH,
  access: 'user',
  render: renderAccountPage,
  act: actOnAccount,
  operations: [ADD_KEY, REMOVE_KEY, MAKE_API_KEY, REMOVE_API_KEY, CHANGE_PASSWORD],
};
