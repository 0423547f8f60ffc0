// The pages of all accounts and of the viewer's own.

import { counted } from '../../../counted.ts';
import { type Html, html } from '../../../html.ts';

/** The viewer's own account. */
export const ACCOUNT = {
  keys: 'SSH keys',
  added: (kind: string, ago: string): string => `${kind} · added ${ago}`,
  noKey: 'You have no key yet. Deployments are refused, because nobody could log in to the machine.',
  key: { label: 'Public key', hint: 'The line in a .pub file, such as ~/.ssh/id_ed25519.pub.' },
  addKey: 'Add key',
  keyAdded: 'Key added: machines that you deploy from now on accept it.',
  keyRemoved: 'Key removed.',
  apiKeys: 'API keys',
  apiKeyTimes: (made: string, used: string | undefined): string =>
    `made ${made} · ${used === undefined ? 'not used yet' : `used ${used}`}`,
  noApiKey: 'You have no API key. Programs and the command line work with one.',
  apiKeyName: { label: 'Purpose', hint: 'Such as juju, or the name of your computer.' },
  makeApiKey: 'Make an API key',
  apiKeyMade: 'Copy this key now: it is shown only once.',
  apiKeyRemoved: 'API key removed: requests with it are refused from now on.',
  password: 'Password',
  presentPassword: 'Present password',
  newPassword: 'New password',
  changePassword: 'Change password',
  passwordChanged: 'Password changed: sign in with the new one.',
  footer: (username: string): Html =>
    html`For programs and the command line, <code>sudo rackboot apikey --username ${username}</code> on the rack prints an API key.`,
};

/** The accounts. */
export const PEOPLE = {
  title: 'People',
  you: 'this is you',
  makeUser: 'Make a user',
  makeAdmin: 'Make an administrator',
  keys: (keys: number): string => counted(keys, 'SSH key'),
  added: (ago: string): string => `added ${ago}`,
  username: { label: 'User name', hint: 'Letters, digits and @ . + - _' },
  email: 'E-mail address',
  password: 'Password',
  administrator: {
    label: 'Administrator',
    hint: 'Administrators may do everything. Users allocate and deploy free machines, and manage their own.',
  },
  addOne: 'Add an account',
  add: 'Add account',
  accountAdded: (username: string): string => `Account ${username} added.`,
  removed: (username: string): string => `Account ${username} removed.`,
  changed: (username: string, isAdmin: boolean): string =>
    `${username} is now ${isAdmin ? 'an administrator' : 'a user'}.`,
};
