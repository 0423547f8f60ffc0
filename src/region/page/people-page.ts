// Who has an account, for administrators: list, add, make an administrator or a user, remove.
//
// 1. The last administrator stays one, and nobody removes their own account.
// 2. A password is given once and kept as its hash; it is never shown again.

import { newUserProblem } from '../accounts.ts';
import { refuse } from '../api/answer.ts';
import type { User } from '../store.ts';
import { passwordProblem } from './account-page.ts';
import { checkField, formOf, hiddenField, newPasswordFields, textField } from './forms.ts';
import { escapeHtml } from './html.ts';
import { pageOf } from './parts.ts';
import { formatAge } from './values.ts';
import { BUSY, given, type Outcome, type PageDefinition, type View } from './view.ts';

const PATH = '/MAAS/people/';
/** Accounts on the page. */
const SHOWN_MAX = 500;

function userItem(view: View, user: User): string {
  const { username, email, isAdmin, createdMs } = user;
  const isSelf = view.viewer.kind === 'person' && view.viewer.username === username;
  const button = (what: string, label: string, tone: 'plain' | 'danger'): string =>
    formOf(view, {
      body: hiddenField('do', what) + hiddenField('username', username),
      submit: label,
      tone,
      isInline: true,
    });
  const buttons = isSelf
    ? '<span class="small">this is you</span>'
    : button(isAdmin ? 'make-user' : 'make-admin', isAdmin ? 'Make a user' : 'Make an administrator', 'plain') +
      button('remove', 'Remove', 'danger');
  const keys = view.region.store.life.listSshKeys(username).length;
  const facts = [email, `${keys} SSH ${keys === 1 ? 'key' : 'keys'}`, `since ${formatAge(view.nowMs - createdMs)}`];
  return (
    `<div class="list-item"><div><div class="name">${escapeHtml(username)} <span class="pill ${isAdmin ? 'violet' : 'grey'}">${isAdmin ? 'administrator' : 'user'}</span></div>` +
    `<div class="small">${escapeHtml(facts.filter((text) => text !== '').join(' · '))}</div></div><div class="row">${buttons}</div></div>`
  );
}

function render(view: View): string {
  const users = view.region.store.listUsers().slice(0, SHOWN_MAX);
  const form = formOf(view, {
    body:
      hiddenField('do', 'add') +
      textField(view, { name: 'username', label: 'User name', required: true, charactersMax: 150 }) +
      textField(view, { name: 'email', label: 'E-mail address', type: 'email' }) +
      newPasswordFields(view, 'Password') +
      checkField(view, {
        name: 'is_admin',
        label: 'Administrator',
        hint: 'Others take, deploy and release machines that are nobody’s or their own; an administrator may do everything.',
      }),
    submit: 'Add the account',
  });
  return pageOf(view, {
    title: 'People',
    place: 'people',
    main:
      `<div class="bar"><h1>People</h1></div><div class="sheet narrow">${users.map((user) => userItem(view, user)).join('')}</div>` +
      `<h2>Add somebody</h2><div class="sheet narrow">${form}</div>`,
  });
}

const eventOf = (view: View, description: string) =>
  ({
    type: 'AUTHORISATION',
    description,
    atMs: view.nowMs,
    username: view.viewer.kind === 'person' ? view.viewer.username : '',
  }) as const;

async function add(view: View): Promise<Outcome> {
  const username = given(view, 'username').trim();
  const email = given(view, 'email').trim();
  const password = given(view, 'new');
  const problem = passwordProblem(password, given(view, 'again')) ?? newUserProblem({ username, email, password });
  if (problem !== undefined) return refuse('invalid-parameters', problem);
  const { store, clock, passwords } = view.region;
  const passwordHash = await passwords.hash(view.peer.address, password);
  if (passwordHash === 'busy') return BUSY;
  const isAdmin = given(view, 'is_admin') === 'true';
  const user = store.addUser({ username, email, passwordHash, isAdmin, createdMs: clock.wallTimeMs() });
  if (user === undefined) return refuse('invalid-parameters', `A user ${username} exists: choose another name.`);
  store.recordEvent(eventOf(view, `made the ${isAdmin ? 'administrator' : 'user'} ${username}`), undefined);
  return { kind: 'done', to: PATH, text: `${username} has an account now.` };
}

/** The account that a button is about, unless it is one's own. */
function otherUser(view: View): User | undefined {
  const username = given(view, 'username');
  const isSelf = view.viewer.kind !== 'person' || view.viewer.username === username;
  return isSelf ? undefined : view.region.store.findUser(username);
}

function act(view: View): Outcome | Promise<Outcome> {
  const what = given(view, 'do');
  if (what === 'add') return add(view);
  const user = otherUser(view);
  if (user === undefined) return refuse('not-found', 'There is no such other account.');
  const { username } = user;
  const { store } = view.region;
  if (what === 'remove') {
    const held = store.countMachines({ owners: [username] });
    if (held > 0) {
      return refuse(
        'machine-in-use',
        `${username} holds ${held} ${held === 1 ? 'machine' : 'machines'}: release them first.`,
      );
    }
    store.removeUser(username, eventOf(view, `removed the account ${username}`));
    return { kind: 'done', to: PATH, text: `${username} has no account any more.` };
  }
  if (what !== 'make-admin' && what !== 'make-user') return undefined;
  const isAdmin = what === 'make-admin';
  const role = isAdmin ? 'an administrator' : 'a user';
  store.changeUser(username, { isAdmin }, eventOf(view, `made ${username} ${role}`));
  return { kind: 'done', to: PATH, text: `${username} is ${role} now.` };
}

export const PEOPLE_PAGE: PageDefinition = { path: PATH, access: 'admin', render, act };
