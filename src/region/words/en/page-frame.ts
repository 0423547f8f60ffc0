// The words that all pages share: the frame with the navigation bar, signing in, errors, forms, and values such as ages.

import { type Html, html } from '../../../html.ts';
import { eventTypeName, stateName } from './names.ts';

/** The frame of a page, signing in, and the pages of errors. */
export const FRAME = {
  /** The language of all pages (BCP 47). */
  language: 'en',
  /** The title of the browser's window. */
  title: (page: string): string => `${page} · Rackboot`,
  skip: 'Skip to the content',
  navigation: 'Pages',
  pages: {
    machines: 'Machines',
    images: 'Images',
    tags: 'Tags',
    scripts: 'Scripts',
    settings: 'Settings',
    people: 'People',
  },
  /** How fresh the page is. */
  live: 'live',
  deleted: 'deleted',
  silent: 'the region does not answer; retrying',
  signIn: 'Sign in',
  signOut: 'Sign out',
  seeField: 'Not done: see the marked field.',
  seeFields: 'Not done: see the marked fields.',
  allMachines: 'All machines',
  back: 'Back',
  notDone: 'Not done',
  notFound: 'Not found',
  gone: 'Nothing has this name, and no event mentions this hardware address. It may have been deleted.',
  noSuchPage: 'There is no such page.',
};

/** The page while the region cannot use its store. */
export const AWAY = {
  title: 'Database unavailable',
  heading: 'The region cannot use its database',
  lead: 'Nothing can be shown or changed now. Racks continue to work: machines keep their leases and names, and boot.',
  /** Nothing is sent again: the browser shows this page instead of the form's result. */
  form: 'The result of your form is unknown. When the region is back, check what is stored before you send it again.',
  /** @param isRepeated true if the browser asks again */
  next: (isRepeated: boolean): Html =>
    html`${isRepeated ? 'This page tries again every 5 seconds. ' : ''}No restart is needed. On the region's host, <code>sudo rackboot status</code> and the log say more.`,
  again: 'Try again now',
  to: 'To the machines',
};

/** The page for signing in. */
export const SIGN_IN = {
  heading: 'Sign in to Rackboot',
  lead: html`This region's machines are visible to people with an account.`,
  failed: {
    wrong: 'Wrong user name or password.',
    'spent-link': html`This link was used already, or is older than 10 minutes: <code>sudo rackboot page</code> prints another.`,
  },
  link: (username: string): Html => html`This link signs this browser in as <b>${username}</b>, once.`,
  as: (username: string): string => `Sign in as ${username}`,
  username: 'User name',
  password: 'Password',
  /** @param config the option that names the region's file, after a space */
  noAccount: (isApart: boolean, config: string): Html =>
    html`On the ${isApart ? "region's host" : 'rack'}, <code>sudo rackboot page${config}</code> prints a link that signs you in without a password, and <code>sudo rackboot createadmin --username NAME${config}</code> creates an account.`,
};

/** The words that several forms share. */
export const FORMS = {
  optional: 'optional',
  save: 'Save',
  cancel: 'Cancel',
  edit: 'Edit',
  remove: 'Remove',
  name: 'Name',
  description: 'Description',
  kernelParams: 'Kernel parameters',
  reason: { label: 'Reason', hint: "For the machine's log." },
  password: {
    again: (label: string): string => `${label}, again`,
    hint: (min: number): string => `At least ${min} characters, of any kind.`,
  },
};

/** Values. */
export const VALUES = {
  state: stateName,
  eventType: eventTypeName,
  administrator: 'administrator',
  user: 'user',
  andMore: (count: number): string => `and ${count} more`,
  noEvents: 'No events yet.',
  events: 'Events',
};
