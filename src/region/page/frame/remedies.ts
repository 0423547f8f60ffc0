// The page that helps after a refusal, by its name. What the refusal says itself, often with a
// command, stays.
//
// 1. A page is named only to those who may open it.

import { type Html, html, nothing } from '../../../ground/html.ts';
import type { RefusalName } from '../../records/refusal.ts';
import type { View } from './view.ts';
import { words } from './words.ts';

interface Remedy {
  readonly path: string;
  readonly label: () => string;
}

const goTo = (page: keyof typeof words.frame.pages) => () => words.health.goTo(words.frame.pages[page]);

const RACKS: Remedy = { path: '/MAAS/racks/', label: goTo('racks') };
const MACHINES: Remedy = { path: '/MAAS/machines/', label: goTo('machines') };

const REMEDIES: Readonly<Partial<Record<RefusalName, Remedy>>> = {
  'no-ssh-key': { path: '/MAAS/account/', label: () => words.account.addKey },
  'image-missing': { path: '/MAAS/images/choose/', label: () => words.images.choose },
  'addresses-exhausted': { path: '/MAAS/networks/', label: goTo('networks') },
  'api-keys-limit': { path: '/MAAS/account/', label: () => words.account.apiKeys },
  'domain-in-use': { path: '/MAAS/dns/', label: goTo('dns') },
  'nothing-matches': MACHINES,
  'new-machines-limit': MACHINES,
  'machines-limit': MACHINES,
  'uploads-limit': { path: '/MAAS/images/', label: goTo('images') },
  'racks-limit': RACKS,
  'rack-name': RACKS,
  'rack-network': RACKS,
  'rack-silent': RACKS,
};

type Reader = Pick<View, 'viewer' | 'pages' | 'refusedAs'>;

/** A link to the page that helps, after a space; empty if none does. */
export function remedyLink({ viewer, pages, refusedAs }: Reader): Html {
  const remedy = refusedAs === undefined ? undefined : REMEDIES[refusedAs];
  const page = pages.find(({ path }) => path === remedy?.path);
  if (remedy === undefined || page === undefined || (page.access === 'admin' && !viewer.isAdmin)) return nothing;
  return html` <a href="${remedy.path}">${remedy.label()}</a>`;
}

/** A link to the page of racks, for people whom a form sends there. */
export const racksLink = (): Html => html`<a href="${RACKS.path}">${RACKS.label()}</a>`;
