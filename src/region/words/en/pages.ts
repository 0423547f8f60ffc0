// The texts of the page, by page and part.

import { ACTION_FORMS, ACTIONS, DEPLOY, EDIT, EFFECTS, POWER } from './page-actions.ts';
import { AWAY, FORMS, FRAME, SIGN_IN, VALUES } from './page-frame.ts';
import { IMAGES, SOURCES } from './page-images.ts';
import { SCRIPTS, SETTINGS_PAGE, TAGS } from './page-lists.ts';
import { FACTS, LOGINS, MACHINE, POWER_PART, RESULTS, TIMELINE, WORK } from './page-machine.ts';
import { MACHINES, NOTICES, RACKS_PART } from './page-machines.ts';
import { ACCOUNT, PEOPLE } from './page-people.ts';

export const PAGES = {
  frame: FRAME,
  away: AWAY,
  signIn: SIGN_IN,
  forms: FORMS,
  values: VALUES,
  machines: MACHINES,
  notices: NOTICES,
  racks: RACKS_PART,
  machine: MACHINE,
  work: WORK,
  facts: FACTS,
  logins: LOGINS,
  powerPart: POWER_PART,
  results: RESULTS,
  timeline: TIMELINE,
  actions: ACTIONS,
  effects: EFFECTS,
  actionForms: ACTION_FORMS,
  deploy: DEPLOY,
  edit: EDIT,
  power: POWER,
  images: IMAGES,
  sources: SOURCES,
  tags: TAGS,
  scripts: SCRIPTS,
  settings: SETTINGS_PAGE,
  account: ACCOUNT,
  people: PEOPLE,
};
