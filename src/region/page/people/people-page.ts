// The accounts. Administrators also add them, remove them and change their roles;
// `user-operations.ts` has the rules.

import { html, nothing } from '../../../ground/html.ts';
import type { User } from '../../records/user.ts';
import { hiddenField, newPasswordFields, renderForm } from '../frame/forms.ts';
import { collectFormValues, renderControls } from '../frame/operation-form.ts';
import { renderFullPage } from '../frame/parts.ts';
import { dotted, rolePill, timeAgo } from '../frame/values.ts';
import {
  buildOutcome,
  fieldValue,
  mayCall,
  type Outcome,
  ofForm,
  operate,
  type PageDefinition,
  submit,
  type View,
} from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { ofNewPassword, refuseDifferingPasswords } from './account-page.ts';

const PATH = '/MAAS/people/';
const ADD = 'POST users';
const CHANGE = 'PUT users/{username}';
const REMOVE = 'DELETE users/{username}';
const SHOWN_MAX = 500;

/** @param keys how many SSH keys the user has */
function userItem(view: View, user: User, keys: number) {
  const { username, email, isAdmin, createdMs } = user;
  const isSelf = view.viewer.username === username;
  const button = (what: string, label: string, tone: 'plain' | 'danger') =>
    renderForm(view, {
      body: [hiddenField('do', what), hiddenField('username', username)],
      submit: label,
      tone,
      isInline: true,
    });
  const buttons = isSelf
    ? html`<span class="small">${words.people.you}</span>`
    : !mayCall(view.viewer, CHANGE)
      ? nothing
      : [
          button(
            isAdmin ? 'make-user' : 'make-admin',
            isAdmin ? words.people.makeUser : words.people.makeAdmin,
            'plain',
          ),
          button('remove', words.forms.remove, 'danger'),
        ];
  const facts = [email, words.people.keys(keys), timeAgo(createdMs, view.nowMs, words.people.added)];
  return html`
    <div class="list-item"><div><div class="name">${username} ${rolePill(user)}</div>
    <div class="small">${dotted(facts)}</div></div><div class="row">${buttons}</div></div>`;
}

async function renderPeople(view: View) {
  const users = (await view.region.store.accounts.listUsers()).slice(0, SHOWN_MAX);
  const keys = await view.region.store.life.countSshKeys();
  const items = users.map((user) => userItem(view, user, keys.get(user.username) ?? 0));
  const added = ofForm(view, fieldValue(view, 'do') === 'add');
  const form = renderForm(view, {
    body: [
      hiddenField('do', 'add'),
      ...renderControls(added, ADD, { only: ['username', 'email'] }),
      newPasswordFields(added, words.people.password),
      ...renderControls(added, ADD, { only: ['is_superuser'] }),
    ],
    submit: words.people.add,
  });
  return renderFullPage(view, {
    title: words.people.title,
    place: 'people',
    main: html`
      <div class="bar"><h1>${words.people.title}</h1>
      <div class="row"><a href="/MAAS/zones/">${words.areas.zone.title}</a><a href="/MAAS/pools/">${words.areas.pool.title}</a></div></div><div class="sheet narrow">${items}</div>
      ${mayCall(view.viewer, ADD) ? html`<h2>${words.people.addOne}</h2><div class="sheet narrow">${form}</div>` : nothing}`,
  });
}

async function addPerson(view: View): Promise<Outcome> {
  const mistyped = refuseDifferingPasswords(view);
  if (mistyped !== undefined) return mistyped;
  const username = fieldValue(view, 'username').trim();
  const values = collectFormValues(view, ADD, { only: ['username', 'email', 'is_superuser'] });
  const answer = await operate(view, ADD, {}, { ...values, password: fieldValue(view, 'new') });
  return ofNewPassword(buildOutcome(answer, PATH, words.people.accountAdded(username)));
}

async function actOnPeople(view: View) {
  const what = fieldValue(view, 'do');
  const username = fieldValue(view, 'username');
  switch (what) {
    case 'add':
      return addPerson(view);
    case 'remove':
      return submit(view, REMOVE, { username }, {}, PATH, words.people.removed(username));
    case 'make-admin':
    case 'make-user': {
      const isAdmin = what === 'make-admin';
      return submit(
        view,
        CHANGE,
        { username },
        { is_superuser: String(isAdmin) },
        PATH,
        words.people.changed(username, isAdmin),
      );
    }
    default:
      return undefined;
  }
}

export const PEOPLE_PAGE: PageDefinition = {
  path: PATH,
  access: 'user',
  render: renderPeople,
  act: actOnPeople,
  operations: [ADD, CHANGE, REMOVE],
};
